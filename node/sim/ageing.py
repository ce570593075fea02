"""How old an answer may be that nobody confirmed, counted here anew."""

from collections.abc import Mapping

from node.sim.confirming import Confirmations, Moment
from node.sim.hearing import Hearings
from node.sim.host import Host
from node.verify.observation import Operation, Violation

MS = 1000


class StaleReadsTellTheirAge:
    """An answer from what a node has says how long ago that node was in touch: a follower, with a
    leader; a leader, with a majority. It may be older than that, never younger.

    For worlds where clients read so.
    """

    def __init__(
        self, hosts: Mapping[int, Host], confirmations: Confirmations, hearings: Hearings
    ) -> None:
        self._hosts = hosts
        self._confirmations = confirmations
        self._hearings = hearings
        self._asked: dict[Operation, dict[int, int]] = {}
        """What the clocks of the nodes showed when a read was asked: it is answered later."""

    def invoked(self, operation: Operation) -> None:
        if operation.mode == "stale":
            self._asked[operation] = {each.id: each.clock.now() for each in self._hosts.values()}

    def answered(self, operation: Operation) -> None:
        asked = self._asked.pop(operation, {})
        if operation.node_id not in asked or operation.age_ms is None:
            return
        host = self._hosts[operation.node_id]
        since = asked[host.id] - operation.age_ms * MS
        heard = self._hearings.last.get(host.id)
        if (heard is None or heard.at < since) and not self._led_since(host, since):
            text = (
                f"answers a read of {operation.key} with what it says to be {operation.age_ms} ms "
                "old; it was in touch with nobody in that time"
            )
            raise Violation("stale_reads_tell_their_age", host.id, text)

    def _led_since(self, host: Host, since: int) -> bool:
        """Whether a majority has answered something that it sent since then, as the leader."""
        reign = self._confirmations.reigns.get(host.id)
        if reign is None:
            return False
        asked = Moment(-1, since)
        return any(
            reign.is_confirmed(each, asked)
            for each in (reign.configuration, host.core.configuration)
        )
