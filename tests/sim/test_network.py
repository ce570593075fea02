"""Frames between simulated nodes: late, lost, twice, out of order, and never too many."""

from node.faults import LinkRule
from node.sim.kernel import Kernel
from node.sim.network import Network

Arrived = list[tuple[int, int, int, bytes]]


def network(queue_max: int = 64, is_ordered: bool = True) -> tuple[Kernel, Network, Arrived]:
    kernel = Kernel()
    arrived: Arrived = []

    def deliver(src: int, dst: int, kind: str, frame: bytes) -> None:
        arrived.append((kernel.now, src, dst, frame))

    return kernel, Network(kernel, 1, deliver, queue_max, is_ordered), arrived


def send(net: Network, count: int, src: int = 1, dst: int = 2) -> None:
    for number in range(count):
        net.send(src, dst, "AppendEntries", b"%d" % number)


def rule(**values: object) -> LinkRule:
    return LinkRule.from_map({"fault": 7, "src": 1, "dst": 2, **values})


def test_frames_arrive_once_and_in_order_on_a_good_link() -> None:
    kernel, net, arrived = network()
    net.set_background(rule(latency_ms=5, jitter_ms=4))
    send(net, 30)
    kernel.run(100_000)
    assert [frame for *_, frame in arrived] == [b"%d" % n for n in range(30)]
    assert all(1_000 <= at <= 9_100 for at, *_ in arrived)


def test_frames_overtake_each_other_where_nothing_orders_them() -> None:
    kernel, net, arrived = network(is_ordered=False)
    net.set_background(rule(latency_ms=5, jitter_ms=4))
    send(net, 30)
    kernel.run(100_000)
    frames = [frame for *_, frame in arrived]
    assert sorted(frames) == sorted(b"%d" % n for n in range(30))
    assert frames != [b"%d" % n for n in range(30)]


def test_cut_holds_in_one_direction_and_for_what_is_under_way() -> None:
    kernel, net, arrived = network()
    net.set_background(rule(fault=0, latency_ms=5))
    send(net, 1)
    kernel.run(1_000)
    net.set_rules([rule(cut=True)])
    send(net, 1)
    send(net, 1, src=2, dst=1)
    kernel.run(50_000)
    assert [(src, dst) for _, src, dst, _ in arrived] == [(2, 1)]
    assert net.count_hits()[7] == 2


def test_queue_that_is_full_drops() -> None:
    kernel, net, arrived = network(queue_max=4)
    net.set_background(rule(latency_ms=5))
    send(net, 10)
    kernel.run(50_000)
    assert len(arrived) == 4
    assert net.stats.dropped == 6


def test_fault_less_changes_nothing_for_the_other_frames() -> None:
    """What happens to frame 17 does not depend on what was drawn for the frames before it."""

    def lost(rules: list[LinkRule]) -> list[bytes]:
        kernel, net, arrived = network()
        net.set_background(rule(drop=0.5))
        net.set_rules(rules)
        send(net, 8)
        net.set_rules([])
        send(net, 40)
        kernel.run(50_000)
        return [frame for at, _, _, frame in arrived][-15:]

    assert lost([rule(drop=0.3, duplicate=0.3)]) == lost([])


def test_damaged_frame_arrives_as_nothing_that_could_be_read() -> None:
    kernel, net, arrived = network()
    net.set_rules([rule(corrupt=1.0)])
    send(net, 1)
    kernel.run(50_000)
    assert [frame for *_, frame in arrived] == [b""]
    assert net.stats.corrupted == 1


def test_what_a_fault_held_back_is_lost_with_its_end_and_holds_up_nothing() -> None:
    kernel, net, arrived = network(queue_max=4)
    net.set_background(rule(fault=0, latency_ms=1))
    net.set_rules([rule(latency_ms=30_000, only=["AppendEntries"])])
    send(net, 4)
    kernel.run(1_000)
    net.set_rules([])
    net.send(1, 2, "AppendEntries", b"after it")
    kernel.run(60_000_000)
    assert [frame for *_, frame in arrived] == [b"after it"]
    assert arrived[0][0] < 5_000
    assert net.stats.dropped == 4


def test_what_no_fault_holds_back_arrives_also_when_faults_change() -> None:
    kernel, net, arrived = network(queue_max=2)
    net.set_background(rule(fault=0, latency_ms=10))
    net.set_rules([rule(latency_ms=30_000, only=["TimeoutNow"])])
    send(net, 2)
    kernel.run(1_000)
    net.set_rules([])
    send(net, 2)
    kernel.run(9_000)
    send(net, 1)
    assert net.stats.dropped == 1, "the queue is as long as ever"
    kernel.run(50_000)
    assert [frame for *_, frame in arrived] == [b"0", b"1", b"0", b"1"]
