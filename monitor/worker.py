"""Consumer of Celery workers that survives the end of its connection to the broker."""

import logging

from celery.worker.consumer import Consumer

logger = logging.getLogger(__name__)


class SteadyConsumer(Consumer):
    """Consumer that connects again where kombu, closing a connection ended by Redis, fails with an AttributeError.

    kombu discards its own connection before it returns unacknowledged messages; tables hold their work anyway.
    """

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Drop a connection that kombu cannot close."""
        try:
            super().on_connection_error_after_connected(exc)
        except AttributeError as fault:
            logger.warning("the broken connection to the broker was left as it is: %s", fault)
            self.connection = None
