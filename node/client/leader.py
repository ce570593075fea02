"""Finding the leader, for whoever stays with it: a load, a watch."""

import time
from functools import partial

from node.client.address import ClusterAddress
from node.client.errors import UnreachableError
from node.client.link import Link
from node.client.lookout import Lookout
from node.client.session import Call, Pause
from node.wire.messages import Failure, Read


def link_to_leader(address: ClusterAddress, first: int | None, timeout: float) -> Link:
    """A link to the leader, which a read that must be answered there finds.

    `first`: whom to ask first; `timeout` in seconds. Raises NoLeaderError, DeadlineError and
    UnreachableError.
    """
    call = Call(address.nodes, first, time.monotonic(), timeout)
    while True:
        step = call.next(time.monotonic())
        if isinstance(step, Pause):
            time.sleep(max(step.until - time.monotonic(), 0))
            continue
        try:
            link = Link(address, step.node_id, "client", step.opens_until)
        except UnreachableError as error:
            call.unreachable(error)
            continue
        lookout = Lookout(address, step.node_id)
        try:
            request = Read(link.new_id(), b"", "linearizable", False)
            link.send(request)
            reply = lookout.wait(partial(link.reply_to, request.id), step.until)
        except UnreachableError as error:
            link.close()
            call.unreachable(error)
            if lookout.successor is not None:
                call.again(lookout.successor)
            continue
        except BaseException:
            link.close()
            raise
        # That a machine cannot answer an empty query does not matter: its node leads.
        if isinstance(reply, Failure) and reply.code != "bad_request":
            link.close()
            call.refused(step.node_id, reply)
            continue
        return link
