"""Positions of the ground-truth points on the body: 18 COCO joints, 68 face points, 21 points per hand."""

COCO = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)
# bone whose head is the position of the joint
JOINT_BONE = {
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
}
# largest depth (metres) of a visible point under the visible surface
BODY_DEPTH = {
    "nose": 0.02,
    "neck": 0.20,  # between the shoulders: deep in the chest, visible from all directions
    "shoulder": 0.13,
    "elbow": 0.085,
    "wrist": 0.06,
    "hip": 0.20,  # jackets are not close to the body
    "knee": 0.11,
    "ankle": 0.11,
    "eye": 0.03,
    "ear": 0.035,
}
FACE_DEPTH = 0.008
HAND_DEPTH = 0.03
HAND_BONES = tuple((f"finger{finger}-1", f"finger{finger}-2", f"finger{finger}-3") for finger in range(1, 6))

# Vertices of the 68 face points, found by fitting MediaPipe's face mesh to renders of ten faces.
# Left and right are mirror images.
FACE_VERTICES = (
    *(871, 5763, 5727, 5241, 5240, 915, 5295, 5292, 5225),  # jaw, from the person's right ear to the chin
    *(11898, 11901, 7617, 11849, 11850, 12324, 12360, 7576),  # jaw, from the chin to the left ear
    *(262, 232, 231, 223, 233),  # right brow
    *(7006, 6997, 7004, 7005, 7031),  # left brow
    *(136, 131, 201, 294),  # bridge of the nose
    *(344, 313, 307, 7076, 7105),  # nostrils
    *(21, 6, 54, 69, 6772, 6776),  # right eye
    *(6853, 6838, 6790, 6805, 13372, 13368),  # left eye
    *(501, 5354, 355, 455, 7116, 11956, 7250, 7235, 7241, 492, 486, 480),  # outer lips
    *(444, 472, 468, 7228, 7204, 7242, 493, 487),  # inner lips
)
