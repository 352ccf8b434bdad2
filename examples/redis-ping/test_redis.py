"""What an application expects of the Redis that was deployed."""

import os
import uuid

import pytest
import redis


@pytest.fixture(scope="module")
def store():
    """Return a client of the deployed Redis, which answers."""
    client = redis.Redis(os.environ["REDIS_HOST"], socket_connect_timeout=3, socket_timeout=3)
    try:
        client.ping()
    except redis.RedisError as error:
        pytest.fail(f"Redis does not answer: {error}", pytrace=False)
    return client


@pytest.fixture
def key(store):
    """Return a key of the test's own."""
    name = f"test:{uuid.uuid4()}"
    yield name
    store.delete(name)


def test_a_value_is_kept(store, key):
    """What was set is what is got."""
    store.set(key, "value")
    assert store.get(key) == b"value"


def test_a_counter_counts(store, key):
    """A counter begins at 0 and counts each step."""
    assert [store.incr(key) for _ in range(3)] == [1, 2, 3]


def test_a_key_can_expire(store, key):
    """A key with a time to live says how long it has."""
    store.set(key, "value", ex=60)
    assert 0 < store.ttl(key) <= 60
