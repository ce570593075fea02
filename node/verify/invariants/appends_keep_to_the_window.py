"""How much is on its way to a follower."""

from node.raft.messages import AppendEntries, Message
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class AppendsKeepToTheWindow:
    """Appends follow each other without waiting, `inflight_max` of them ahead of the answers and no
    more (thesis 10.2.1): a follower that stands still would have all of the log in its queue.
    """

    __slots__ = ()

    def __init__(self, members: Members, facts: Facts) -> None:
        pass

    def sending(self, member: Member, to: int, message: Message) -> None:
        if type(message) is not AppendEntries or not message.entries:
            return
        progress = member.core.progress.get(to)
        if progress is not None and len(progress.inflight) > progress.inflight_max:
            text = (
                f"has {len(progress.inflight)} appends on their way to n{to}, which may be "
                f"{progress.inflight_max}"
            )
            raise Violation("appends_keep_to_the_window", member.id, text)
