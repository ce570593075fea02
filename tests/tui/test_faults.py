"""Faults as the viewer shows them, of links and of nodes; and nodes of which little is known."""

from tests.tui.frames import live_cluster
from tests.tui.pilot import Viewer, view
from tui.drawing.detail import member_lines, peer_lines, state_lines
from tui.drawing.events import link_matrix
from tui.drawing.faults import fault_lines
from tui.drawing.moment import Moment
from tui.drawing.overview import cards, head_line, node_rows
from tui.drawing.text import Line
from tui.model import ClusterModel
from tui.nodes import Condition, Process, Reach

REMEDIES = {Condition.EXITED: "[s] start"}
SLOW = {"fault": 4, "node": 2, "kind": "slow", "delay_us": 20_000, "rate": 1.0}
FAST = {"fault": 5, "node": 2, "kind": "rate", "delay_us": 0, "rate": 2.0}
FULL = {"fault": 6, "node": 3, "kind": "full"}


def moment_of(model: ClusterModel) -> Moment:
    return Moment(model, model.now_ns, "demo", remedies=REMEDIES)


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def with_wrong_nodes() -> ClusterModel:
    """n2 has a slow disk and a fast clock, n3 a full disk."""
    model = live_cluster(3, leader=1)
    model.nodes[2].status["node_faults"] = [SLOW, FAST]
    model.nodes[3].status["node_faults"] = [FULL]
    return model


def test_faults_of_disks_and_clocks_are_counted_listed_and_degrade() -> None:
    model = with_wrong_nodes()
    model.nodes[1].status["faults"] = [{"fault": 1, "src": 1, "dst": 2, "cut": True}]
    model.nodes[2].status["node_faults"][1]["expires_at"] = model.wall_offset_ns / 1e9 + 1e9
    head = text_of([head_line(moment_of(model), 120)])
    assert "● DEGRADED" in head
    assert "faults 4" in head
    listed = text_of(fault_lines(moment_of(model), 60)).splitlines()
    assert [line.split()[0] for line in listed] == ["#1", "#4", "#5", "#6"]
    assert listed[1] == " #4 disk +20ms n2"
    assert listed[2].startswith(" #5 clock ×2 ")
    assert listed[3] == " #6 disk full n3"


def test_a_fault_on_several_nodes_is_one_line() -> None:
    model = with_wrong_nodes()
    model.nodes[1].status["node_faults"] = [SLOW | {"node": 1}]
    assert " #4 disk +20ms n1,n2" in text_of(fault_lines(moment_of(model), 60))


def test_a_node_says_what_is_wrong_with_its_disk_and_its_clock_wherever_it_is_shown() -> None:
    model = with_wrong_nodes()
    moment = moment_of(model)
    words = "disk +20ms #4, clock ×2 #5"
    assert words in text_of(cards(moment, 150))
    assert words in text_of(member_lines(moment, 100))
    assert "faults    disk +20ms #4  clock ×2 #5" in text_of(
        state_lines(moment, model.nodes[2], 60)
    )
    assert "faults" not in text_of(state_lines(moment, model.nodes[1], 60))


def test_a_full_disk_says_which_fault_it_is_and_that_it_is_full_without_one() -> None:
    model = with_wrong_nodes()
    model.nodes[3].status["disk"]["full"] = True
    assert "disk full #6" in text_of(cards(moment_of(model), 150))
    model.nodes[3].status["node_faults"] = []
    shown = text_of(cards(moment_of(model), 150))
    assert "disk full" in shown
    assert "#6" not in shown


def test_that_a_node_has_no_vote_matters_more_than_a_fault() -> None:
    model = with_wrong_nodes()
    model.nodes[2].status["voting"] = False
    assert "wiped, no vote" in text_of(cards(moment_of(model), 150))


def test_a_fault_of_links_says_what_it_does() -> None:
    model = live_cluster(3, leader=1)
    rule = {"fault": 6, "src": 1, "dst": 2, "latency_ms": 40.0, "jitter_ms": 5.0, "drop": 0.25}
    model.nodes[1].status["faults"] = [rule]
    assert text_of(fault_lines(moment_of(model), 60)) == " #6 net +40ms+-5ms drop 25% 1:2"


def ended_by_its_disk(fault: int | None) -> ClusterModel:
    model = live_cluster(3, leader=1)
    model.reach(2, Reach(False, "gone"))
    model.process(2, Process("exited", last_words="stopped: the disk failed", fault=fault))
    return model


def test_a_node_that_its_disk_ended_says_so_and_what_ends_that() -> None:
    moment = moment_of(ended_by_its_disk(11))
    card = text_of(cards(moment, 150))
    assert "stopped: the disk failed" in card
    assert "raftctl heal 11" in card
    assert "start" not in card
    small = text_of(cards(moment, 60))
    assert "stopped: the" in small
    assert "disk failed" in small
    assert "stopped: the disk failed" in text_of(member_lines(moment, 100))
    assert "faults 1" in text_of([head_line(moment, 120)])
    assert "#11 disk fail n2" in text_of(fault_lines(moment, 60))


def test_once_its_disk_works_it_can_be_started() -> None:
    card = text_of(cards(moment_of(ended_by_its_disk(None)), 150))
    assert "stopped: the disk failed" in card
    assert "[s] start" in card


def test_a_link_to_a_paused_node_is_unknown_in_all_pictures() -> None:
    model = live_cluster(3, leader=1)
    model.process(2, Process("paused", 7))
    moment = moment_of(model)
    assert text_of(link_matrix(moment, 40)).splitlines()[1].split() == ["n1", "·", "?", "✓"]
    assert "·?✓" in text_of(node_rows(moment, 100))
    peers = text_of(peer_lines(moment, model.nodes[1], 100, None)).splitlines()
    (row,) = (line for line in peers if "n2" in line)
    assert row.split()[:3] == ["n2", "?", "0.60ms"]
    assert "n2 is paused" in row


def test_a_match_that_a_new_leader_has_not_heard_is_not_known() -> None:
    model = live_cluster(3, leader=1)
    progress = model.nodes[1].status["progress"]
    progress["2"] |= {"match_index": 0, "heard_ms": None}
    progress["3"] |= {"match_index": 0, "heard_ms": 12}
    rows = text_of(member_lines(moment_of(model), 80)).splitlines()
    assert [row.split()[3:] for row in rows[2:4]] == [["–", "0"], ["0", "0"]]
    peers = text_of(peer_lines(moment_of(model), model.nodes[1], 60, None)).splitlines()
    assert [row.split()[-1] for row in peers[1:]] == ["–", "0"]


def test_a_node_that_is_not_behind_has_a_lag_of_zero_and_an_unknown_one_none() -> None:
    model = live_cluster(2, leader=1)
    model.members([1, 2, 3])
    rows = text_of(node_rows(moment_of(model), 80)).splitlines()
    assert [row.split("104,317")[-1].split()[0] for row in rows[1:3]] == ["0", "0"]
    assert rows[3].split()[2:6] == ["–", "–", "–", "–"]
    members = text_of(member_lines(moment_of(model), 80)).splitlines()
    assert members[3].split()[-3:-1] == ["–", "–"]


def test_a_cluster_that_is_down_shows_no_zeros_and_what_to_type() -> None:
    model = ClusterModel()
    model.members([1, 2, 3])
    for node in (1, 2, 3):
        model.process(node, Process("exited", None, "stopped"))
    head = text_of([head_line(moment_of(model), 104)])
    for words in ("● DOWN", "term –", "commit –", "raftctl up"):
        assert words in head
    members = text_of(member_lines(moment_of(model), 80))
    assert members.splitlines()[1].split() == [
        "n1",
        "–",
        "STOPPED",
        "–",
        "–",
        "stopped",
        "by",
        "cli",
    ]
    assert "no node tells who the voters are: raftctl up" in members
    assert "quorum" not in members


def test_a_cluster_that_runs_is_not_to_be_brought_up() -> None:
    assert "raftctl up" not in text_of([head_line(moment_of(live_cluster()), 104)])


def test_without_a_cluster_the_members_page_says_what_to_type() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("M")
        assert "there is no cluster here: raftctl up -n 5" in viewer.screen_text()
        assert "quorum" not in viewer.screen_text()

    view(test, ClusterModel())
