"""The leaderboard as a page: static files that open from disk, without a network."""
