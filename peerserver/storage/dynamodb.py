"""DynamoDB: a table whose hash key is ``id``; ``rev`` counts a record's changes, ``val`` holds the bytes.

botocore runs in a thread pool of its own; it brings credentials, regions, and retries of what is retriable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import attrs
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from .interfaces import IStorage, Record, StorageError
from .uri import DatabaseURI

__all__ = ("DynamoStorage", "open_dynamodb")

CONNECT_TIMEOUT = 3
READ_TIMEOUT = 5
ATTEMPTS = 4
#: an item holds 400 KB, its key and attribute names included.
MAX_VALUE = 390_000


@final
@implementer(IStorage)
@attrs.define
class DynamoStorage:
    """One table, which may serve many databases."""

    _client: Any
    _table: str
    _threads: ThreadPool
    _reactor: Any
    max_value: int = MAX_VALUE

    def create_table(self) -> Deferred[None]:
        """Makes the table if it isn't there, paid by request."""

        def work() -> None:
            if self._table in self._client.list_tables()["TableNames"]:
                return
            self._client.create_table(
                TableName=self._table,
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
            self._client.get_waiter("table_exists").wait(TableName=self._table)

        return self._run("create the table", work)

    def get(self, key: str) -> Deferred[bytes | None]:
        def work() -> bytes | None:
            item = self._item(key)
            return None if item is None else bytes(item["val"]["B"])

        return self._run("read", work)

    def put(self, key: str, value: bytes) -> Deferred[None]:
        def work() -> None:
            self._client.put_item(TableName=self._table, Item={"id": {"S": key}, "val": {"B": value}})

        return self._run("write", work)

    def delete(self, key: str) -> Deferred[None]:
        def work() -> None:
            self._client.delete_item(TableName=self._table, Key={"id": {"S": key}})

        return self._run("delete", work)

    def read(self, name: str) -> Deferred[Record | None]:
        def work() -> Record | None:
            item = self._item(name)
            return None if item is None else Record(int(item["rev"]["N"]), bytes(item["val"]["B"]))

        return self._run("read", work)

    def compare_and_set(self, name: str, revision: int, value: bytes) -> Deferred[bool]:
        def work() -> bool:
            condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
            if revision:
                expected = {":expected": {"N": str(revision)}}
                condition = {"ConditionExpression": "rev = :expected", "ExpressionAttributeValues": expected}
            item = {"id": {"S": name}, "rev": {"N": str(revision + 1)}, "val": {"B": value}}
            try:
                self._client.put_item(TableName=self._table, Item=item, **condition)
            except self._client.exceptions.ConditionalCheckFailedException:
                # A retry of a request whose answer was lost finds its own write.
                found = self._item(name)
                return found is not None and item["rev"] == found["rev"] and found["val"]["B"] == value
            return True

        return self._run("compare and set", work)

    def delete_record(self, name: str) -> Deferred[None]:
        return self.delete(name)

    def close(self) -> Deferred[None]:
        async def stop() -> None:
            self._client.close()
            self._threads.stop()

        return ensureDeferred(stop())

    def _item(self, key: str) -> Any:
        return self._client.get_item(TableName=self._table, Key={"id": {"S": key}}, ConsistentRead=True).get("Item")

    def _run(self, what: str, work: Callable[[], Any]) -> Deferred[Any]:
        async def guarded() -> Any:
            try:
                return await deferToThreadPool(self._reactor, self._threads, work)
            except Exception as error:
                raise StorageError(f"DynamoDB could not {what}: {type(error).__name__}") from error

        return ensureDeferred(guarded())


def open_dynamodb(uri: DatabaseURI, connections: int, reactor: Any) -> DynamoStorage:
    """A storage on the URI's table, with ``connections`` requests at a time."""
    import botocore.config
    import botocore.session

    local = uri.protocol == "ddb-local"
    config = botocore.config.Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    client = botocore.session.get_session().create_client(
        "dynamodb",
        region_name="local" if local else uri.host,
        endpoint_url=f"http://{uri.host}:{uri.port}" if local else None,
        aws_access_key_id=uri.options.get("aws_access_key_id"),
        aws_secret_access_key=uri.options.get("aws_secret_key"),
        config=config,
    )
    threads = ThreadPool(0, connections, "storage-dynamodb")
    threads.start()
    return DynamoStorage(client, uri.table, threads, reactor)
