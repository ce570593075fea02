"""The overview's list: an election is one line, and so is the end of a node."""

from collections.abc import Iterable, Iterator

from tests.tui.frames import Script, fold, status_of
from tests.tui.pilot import Viewer, view
from tui.drawing.digest import wholes
from tui.drawing.events import rows_of
from tui.model import ClusterModel
from tui.nodes import Reach
from tui.timeline import Occurrence, Timeline

STEPS = ("leaderless", "prevote", "election", "vote", "follow")


def election(lead: int = 2, term: int = 7) -> list[Script]:
    """All that three nodes tell of it."""
    scripts = [
        Script(node).keyframe(status_of(node, leader=1, term=term - 1)) for node in (1, 2, 3)
    ]
    one, two, three = scripts
    two.happened("leaderless", term - 1, after_ms=300)
    two.happened("prevote", term - 1, why="no word from a leader")
    two.happened("election", term, after_ms=5, why="asks for votes")
    for voter in (one, three):
        voter.happened("leaderless", term, after_ms=310)
    one.happened("stepdown", term, why="n2 is in a later term")
    for voter in (one, three):
        voter.happened("vote", term, candidate=f"n{lead}")
    two.happened("follow", term, after_ms=9, leader=f"n{lead}")
    two.happened("leader", term, votes="n2,n3", took_ms=18.0)
    for voter in (one, three):
        voter.happened("follow", term, after_ms=10, leader=f"n{lead}")
    return scripts


def model_of(scripts: Iterable[Script]) -> ClusterModel:
    model = ClusterModel()
    for script in scripts:
        fold(script.frames, model)
        model.reach(script.node, Reach(is_open=True))
    return model


def kept(scripts: Iterable[Script]) -> list[str]:
    newest = wholes(model_of(scripts).timeline)
    return [f"{event.who} {event.kind} t{event.term}" for event in newest]


def test_an_election_is_one_line() -> None:
    assert kept(election()) == ["n2 leader t7"]


def test_what_comes_long_after_an_election_is_no_part_of_it() -> None:
    scripts = election()
    scripts[2].happened("follow", after_ms=2_000, leader="n2")
    scripts[2].happened("stepdown", why="n2 is in a later term")
    scripts[1].happened("stepdown", after_ms=50, why="lost touch with the majority")
    scripts[1].happened("leaderless")
    assert kept(scripts) == [
        *("n3 stepdown t7", "n3 follow t7"),
        *("n2 leaderless t7", "n2 stepdown t7", "n2 leader t7"),
    ]


def test_who_was_not_elected_is_seen() -> None:
    scripts = election()
    scripts[0].happened("election", 8, why="asks for votes").happened("vote", 8, candidate="n1")
    other = Script(4).happened("prevote", 6, after_ms=305).happened("vote", 7, candidate="n4")
    assert kept([*scripts, other]) == [
        *("n1 vote t8", "n1 election t8", "n2 leader t7", "n4 vote t7", "n4 prevote t6"),
    ]


def test_whom_peers_lost_stands_with_how_it_ended() -> None:
    one, two, three = (Script(node).keyframe(status_of(node)) for node in (1, 2, 3))
    two.happened("stop", after_ms=500)
    one.changed(510, links={"2": "down", "3": "up"})
    three.changed(600, links={"1": "up", "2": "down"})
    assert kept([one, two, three]) == ["n2 stop t7"]
    one.changed(2_000, links={"2": "down", "3": "down"})
    assert kept([one, two, three]) == ["n1 lost t0", "n2 stop t7"], "nobody says how n3 ended"


def test_the_end_that_is_near_is_the_one_that_counts() -> None:
    one, two = (Script(node).keyframe(status_of(node)) for node in (1, 2))
    one.changed(500, links={"2": "up", "3": "up"})
    two.happened("stop", after_ms=500).happened("stop", after_ms=1_500)
    one.changed(1_600, links={"2": "down", "3": "up"})
    assert kept([one, two]) == ["n2 stop t7", "n2 stop t7"]


class Counting(Timeline):
    """Knows how many of its events were looked at one by one."""

    looked_at = 0

    def newest(self) -> Iterator[Occurrence]:
        for event in super().newest():
            self.looked_at += 1
            yield event


def test_of_a_flood_no_more_is_looked_at_than_is_shown() -> None:
    """Ten thousand a second may come, and are drawn ten times a second."""
    timeline = Counting()
    for at in range(5_000):
        timeline.add(Occurrence(at * 100_000, 1, 1, at, 0, "vote", 7, {"candidate": f"n{at}"}))
    assert len(rows_of(wholes(timeline), 10)) == 10
    assert timeline.looked_at == 11


def test_the_page_of_events_and_a_filter_show_all_of_it() -> None:
    async def test(viewer: Viewer) -> None:
        (line,) = filter(None, viewer.text("events").splitlines())
        assert line.endswith("n2  leader     t7 votes n2,n3  took 18.0 ms")
        await viewer.press("slash", *"vote|follow", "enter")
        assert "vote       t7 n2" in viewer.text("events")
        await viewer.press("slash", *["backspace"] * 11, "enter", "e")
        assert all(step in viewer.text("list") for step in STEPS)

    view(test, model_of(election()))
