"""Which Service a host name means, and the host names of an environment."""

from __future__ import annotations

import pytest

from pytest_k8s_job.target.hosts import ServiceName, hosts_in_environment, service_named


@pytest.mark.parametrize(
    ("host", "namespace", "name"),
    [
        ("api", "run", "api"),
        ("API", "run", "api"),
        ("api.", "run", "api"),
        ("localhost-api", "run", "localhost-api"),
        ("api2", "run", "api2"),
        ("svc", "run", "svc"),
        ("api.shop", "shop", "api"),
        ("API.Shop", "shop", "api"),
        ("api.shop.svc", "shop", "api"),
        ("api.elsewhere.svc", "elsewhere", "api"),
        ("api.elsewhere.svc.cluster.local", "elsewhere", "api"),
        ("Api.Elsewhere.SVC.Cluster.Local.", "elsewhere", "api"),
        ("db-0.db.shop.svc", "shop", "db"),
        ("db-0.db.shop.svc.cluster.local", "shop", "db"),
    ],
)
def test_a_service_is_meant(host: str, namespace: str, name: str) -> None:
    """One word is of the own namespace; two are of a known one, or of any before `.svc`."""
    assert service_named(host, "run", ["shop"]) == ServiceName(namespace, name)


@pytest.mark.parametrize(
    "host",
    [
        "", ".", "..", "a..b", "localhost", "LOCALHOST", "localhost.", "localhost.localdomain",
        "localhost.shop", "1.shop",
        "127.0.0.1", "10.96.0.1", "::1", "fd00::1", "example.com", "api.elsewhere", "api.svc",
        "www.example.com", "a.b.shop", "x.db-0.db.shop.svc", ".svc", "8080",
    ],
)  # fmt: skip
def test_no_service_is_meant(host: str) -> None:
    """Addresses, this machine and names from outside of the cluster mean none."""
    assert service_named(host, "run", ["shop"]) is None


def test_two_words_without_known_namespaces_mean_none() -> None:
    """Without `.svc` they may be a host outside of the cluster."""
    assert service_named("api.shop", "run") is None
    assert service_named("api.shop.svc", "run") == ServiceName("shop", "api")


@pytest.mark.parametrize(
    ("variable", "value", "hosts"),
    [
        ("API", "http://api", ["api"]),
        ("API", "http://api:5000/v1?x=1#y", ["api"]),
        ("API", "HTTP://Api.Shop:5000", ["api.shop"]),
        ("API", "https://api.shop.svc.cluster.local./", ["api.shop.svc.cluster.local."]),
        ("DB", "postgresql+psycopg://user:p%40ss@db:5432/shop", ["db"]),
        ("DB", "redis://:p@ss@redis:6379/0", ["redis"]),
        ("DB", "redis://:a,b@redis:6379/0", ["redis"]),
        ("DB", "mongodb://u:p@m1:27017,m2:27017,m3:27017/shop?replicaSet=x", ["m1", "m2", "m3"]),
        ("URLS", "http://a:1,http://b:2; http://c http://d", ["a", "b", "c", "d"]),
        ("CONFIG", '{"api": "http://api:5000", "db": \'redis://db\'}', ["api", "db"]),
        ("API", "http://[fd00::1]:5000", ["fd00::1"]),
        ("API", "http://[nonsense", []),
        ("API", "http://", []),
        ("API", "http://:5000", []),
        ("BROKERS", "kafka-0.kafka:9092,kafka-1.kafka:9092", ["kafka-0.kafka", "kafka-1.kafka"]),
        ("QUEUE", "redis:6379", ["redis"]),
        ("QUEUE", " redis:6379/0 ", ["redis"]),
        ("QUEUE", "Redis.Shop:6379", ["redis.shop"]),
        ("QUEUE", "redis.shop", ["redis.shop"]),
        ("QUEUE", "redis.shop.", ["redis.shop."]),
        ("QUEUE", "jobs", []),
        ("QUEUE", "see redis.shop for more", []),
        ("REDIS_HOST", "redis", ["redis"]),
        ("redis_host", "Redis", ["redis"]),
        ("HOST", "r", ["r"]),
        ("HOSTNAME", "redis", ["redis"]),
        ("DB_SERVER", "db", ["db"]),
        ("DB_ADDR", "db", ["db"]),
        ("DB_ADDRESS", "db", ["db"]),
        ("API_ENDPOINT", "api", ["api"]),
        ("API_URL", "api", ["api"]),
        ("API_URI", "api", ["api"]),
        ("API_SERVICE", "api", ["api"]),
        ("API_SERVICE", "run the tests", []),
        ("GHOST", "redis", []),
        ("HOST_COUNT", "three", []),
        ("HOST", "", []),
        ("HOST", "-redis", []),
        ("HOST", "redis_1", []),
        ("HOST", "/var/run/redis.sock", []),
        ("MAIL", "somebody", []),
    ],
)
def test_hosts_of_a_value(variable: str, value: str, hosts: list[str]) -> None:
    """URLs and HOST:PORT are found in any value, a bare word where the variable says host."""
    container = {"env": [{"name": variable, "value": value}]}
    assert list(hosts_in_environment(container, {})) == [(host, variable) for host in hosts]


def test_the_environment_is_the_container_s_and_what_is_added() -> None:
    """What is added comes last and replaces; values from elsewhere are not read."""
    container = {
        "env": [
            {"name": "API_URL", "value": "http://old"},
            {"name": "DB_URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},
            {"name": "EMPTY_HOST", "value": None},
            {"name": "WEB_URL", "value": "http://web"},
        ]
    }
    more = {"API_URL": "http://new", "MORE_HOST": "more"}
    assert list(hosts_in_environment(container, more)) == [
        ("new", "API_URL"),
        ("web", "WEB_URL"),
        ("more", "MORE_HOST"),
    ]
    assert list(hosts_in_environment({}, {})) == []
    assert list(hosts_in_environment({"env": None}, {})) == []
