"""The outbox holds messages of any channel, and columns have the names that they have in every table."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("monitor", "0003_kinds_of_fast_motion"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RenameModel("OutgoingMail", "OutgoingMessage"),
        migrations.RenameField("OutgoingMessage", "email", "address"),
        migrations.RenameField("OutgoingMessage", "created", "created_at"),
        migrations.RenameField("Subscription", "created", "created_at"),
        migrations.RemoveIndex("Notification", "notification_waiting"),  # its condition names the column
        migrations.RenameField("Notification", "mail", "message"),
        migrations.RenameField("Notification", "created", "created_at"),
        migrations.RenameField("Announcement", "at", "created_at"),
        migrations.RenameField("RequestCount", "n", "n_requests"),
        migrations.RenameIndex(
            "OutgoingMessage", new_name="outgoingmessage_unfinished", old_name="outgoingmail_unfinished"
        ),
        migrations.AlterModelOptions("Subscription", {"ordering": ["created_at", "id"]}),
        migrations.AddField(
            "Subscription",
            "channel",
            models.CharField(default="mail", help_text="what carries its messages", max_length=20),
        ),
        migrations.AddField(
            "OutgoingMessage",
            "channel",
            models.CharField(default="mail", help_text="a name in settings.CHANNELS", max_length=20),
        ),
        migrations.AlterField("OutgoingMessage", "address", models.CharField(db_index=True, max_length=254)),
        migrations.AlterField(
            "OutgoingMessage",
            "key",
            models.CharField(help_text="the same for the same news to the same address", max_length=120),
        ),
        migrations.AddConstraint(
            "OutgoingMessage", models.UniqueConstraint(fields=("key", "channel"), name="one_message_per_key")
        ),
        migrations.AddIndex(
            "Notification",
            models.Index(
                condition=models.Q(("message__isnull", True), ("withdrawn_at__isnull", True)),
                fields=["subscription"],
                name="notification_waiting",
            ),
        ),
        migrations.RemoveConstraint("Notification", "told_once"),
        migrations.AddConstraint(
            "Notification", models.UniqueConstraint(fields=("transition", "subscription"), name="notified_once")
        ),
        migrations.AlterField(
            "Notification",
            "withdrawn_at",
            models.DateTimeField(help_text="it was overtaken before it was sent", null=True),
        ),
        migrations.AlterField(
            "Subscription",
            "bounces",
            models.PositiveSmallIntegerField(default=0, help_text="messages refused for good, one after the other"),
        ),
        migrations.AlterField(
            "Subscription",
            "email",
            models.EmailField(
                db_index=True, help_text="in lower case; whoever reads it owns the subscription", max_length=254
            ),
        ),
        migrations.AlterField(
            "Subscription",
            "pause_reason",
            models.CharField(
                blank=True,
                choices=[("owner", "you paused it"), ("bounced", "mails to this address were refused")],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            "Subscription",
            "unreviewed",
            models.BooleanField(help_text="also alerts that nobody has reviewed yet"),
        ),
    ]
