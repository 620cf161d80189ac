from tests.scenarios import kills


def test_nothing_is_lost_or_doubled_when_processes_are_killed():
    report = kills.run(kills=3, seed=7)

    assert report.wrong == []
    assert report.kills == {"web": 1, "worker": 1, "postgres": 1}
    assert report.acknowledged > 0
