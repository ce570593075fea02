"""The operators' connection, over a stand-in for a node."""

import pytest

from node.client.admin import Admin
from node.client.errors import ClientError
from node.wire.messages import Failure
from tests.tui.stand_in import StandIn, address_of, serving


def test_subscription_that_the_node_refuses_is_an_error() -> None:
    node = StandIn(1, [Failure(1, "busy", "there are 16 subscriptions already", "none", None)])
    with serving(node), Admin(address_of({1: node.port}), 1, role="observer") as observer:
        with pytest.raises(ClientError, match="16 subscriptions") as refused:
            next(iter(observer.subscribe(history=False)))
        assert refused.value.code == "busy"
