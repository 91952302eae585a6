from pathlib import Path

from fhpt_bench.benchmark import load_benchmark


def test_people_are_known_only_where_names_tell_them_apart(tiny: Path) -> None:
    assert load_benchmark(str(tiny)).people_known
    settings = tiny.read_text()
    tiny.write_text(settings + 'cluster = "item"\n')
    assert not load_benchmark(str(tiny)).people_known
    tiny.write_text(settings)
    for table in ("pairs.csv", "keypoints.csv"):  # one image whose name tells nothing
        path = tiny.parent / table
        path.write_text(path.read_text().replace("fashionMENTees_Tanksid0000000001_1front.jpg", "portrait.jpg"))
    assert not load_benchmark(str(tiny)).people_known
