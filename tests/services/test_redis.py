import redis

from tests.services.redis import DATABASES, RedisServer


def test_each_test_gets_an_empty_redis(redis_server: RedisServer) -> None:
    """Neither the database of the test before nor one used long ago shows through."""
    for _ in range(DATABASES + 1):
        with redis.Redis.from_url(redis_server.fresh_url()) as client:
            assert client.dbsize() == 0
            client.set("left", "behind")
