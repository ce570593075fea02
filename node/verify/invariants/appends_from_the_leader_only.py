"""Who may send entries and snapshots."""

from node.raft.messages import AppendEntries, InstallSnapshot, Message
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class AppendsFromTheLeaderOnly:
    """AppendEntries and InstallSnapshot of a term come from the leader of that term alone, and say
    so (paper 5.2, figure 2). They hold what its log holds (paper 5.3).

    A follower takes whatever such a message brings for the log of its leader. One from anybody else
    puts entries into logs that no majority has agreed to.
    """

    __slots__ = ("_leaders",)

    def __init__(self, members: Members, facts: Facts) -> None:
        self._leaders = facts.elections.leaders

    def sending(self, member: Member, to: int, message: Message) -> None:
        kind = type(message)
        if kind is AppendEntries:
            assert isinstance(message, AppendEntries)
            self._check_leader(member, to, message)
            core = member.core
            if core.term == message.term:
                last = message.prev_log_index + len(message.entries)
                term = message.entries[-1].term if message.entries else message.prev_log_term
                own = core.log.term_at(last)
                if own != term and last > core.log.first_index:
                    text = (
                        f"sends n{to} an append that ends at {last} in term {term}; "
                        f"its own log has {_term(own)} there"
                    )
                    raise Violation("appends_from_the_leader_only", member.id, text)
        elif kind is InstallSnapshot:
            assert isinstance(message, InstallSnapshot)
            self._check_leader(member, to, message)

    def _check_leader(
        self, member: Member, to: int, message: AppendEntries | InstallSnapshot
    ) -> None:
        leader = self._leaders.get(message.term)
        if leader == member.id == message.leader_id:
            return
        elected = "nobody was elected in" if leader is None else f"n{leader} was elected in"
        text = (
            f"sends n{to} {type(message).__name__} of term {message.term} "
            f"as n{message.leader_id}; {elected} that term"
        )
        raise Violation("appends_from_the_leader_only", member.id, text)


def _term(term: int | None) -> str:
    return "nothing" if term is None else f"term {term}"
