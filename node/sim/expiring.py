"""Sessions go when there are too many, and for no other reason."""

from node.sim.options import Options
from node.verify.observation import Operation, Violation


class SessionsLast:
    """No client is told that its session is gone as long as a node remembers more of them than
    there are: it would begin another one, or take a command for unknown that has its effect.
    """

    def __init__(self, options: Options) -> None:
        self._has_room = options.clients < options.sessions_max
        """Also for the client that looks whether the cluster gets well."""

    def answered(self, operation: Operation) -> None:
        if operation.sessions_lost and self._has_room:
            text = (
                f"tells client {operation.client_id} that the session of its {operation.kind} of "
                f"{operation.key} is gone, and none had to go"
            )
            raise Violation("sessions_last", operation.node_id or None, text)
