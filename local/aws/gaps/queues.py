"""SQS: queue URLs, which in moto name the server's port and change when the emulator starts on another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.sqs.models import Queue

if TYPE_CHECKING:
    from urllib.parse import ParseResult


def close_queue_gaps() -> None:
    """Close the gaps of this service."""
    Queue.url = _queue_url


def _queue_url(queue: Queue, _request_url: ParseResult) -> str:
    """Return a queue's URL as on AWS.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
    """
    return f"https://sqs.{queue.region}.amazonaws.com/{queue.account_id}/{queue.name}"
