"""Consumer of Celery workers that survives the end of its connection to the broker."""

import logging

from celery.worker.consumer import Consumer

logger = logging.getLogger(__name__)


class SteadyConsumer(Consumer):
    """Consumer that connects again if kombu raises AttributeError on closing a connection that Redis has ended.

    kombu drops the connection before it returns unacknowledged messages. No work is lost: database tables hold it.
    """

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Handle the error as Celery does; if kombu cannot close the connection, drop it."""
        try:
            super().on_connection_error_after_connected(exc)
        except AttributeError as fault:
            logger.warning("the broken connection to the broker was left as it is: %s", fault)
            self.connection = None
