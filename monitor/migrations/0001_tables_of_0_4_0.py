"""All tables of monitor as of version 0.4.0, in place of the 22 migrations that led to them."""

import django.contrib.gis.db.models.fields
import django.contrib.postgres.fields
import django.db.models.deletion
import monitor.models.subscriptions
from django.conf import settings
from django.db import migrations, models

REPLACED = [
    "0001_subscriptions", "0002_kinds_by_network", "0003_kinds_of_fast_motion", "0004_messages_of_any_channel",
    "0005_names_in_rows", "0006_kinds_in_one_table", "0007_pauses_of_channels", "0008_signs_of_life_and_alarms",
    "0009_invitations", "0010_failed_messages_have_an_index", "0011_updates_wanted", "0012_cap_messages",
    "0013_languages_of_readers", "0014_summaries_of_much_news", "0015_least_exposure", "0016_lists_of_sites",
    "0017_how_often", "0018_endpoints", "0019_role_of_publishers", "0020_feeds_and_devices",
    "0021_reminders_of_visits", "0022_organisations",
]


class Migration(migrations.Migration):
    replaces = [('monitor', name) for name in REPLACED]
    initial = True

    dependencies = [
        ('detection', '0001_tables_of_0_4_0'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ChannelPause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(help_text='a name in settings.CHANNELS', max_length=20, unique=True)),
                ('reason', models.CharField(max_length=300)),
                ('attempts', models.PositiveSmallIntegerField(default=1, help_text='rounds in which nothing got through')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('next_try_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Organisation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={'ordering': ['name', 'id']},
        ),
        migrations.CreateModel(
            name='SignOfLife',
            fields=[
                ('name', models.CharField(max_length=120, primary_key=True, serialize=False)),
                ('seen_at', models.DateTimeField(help_text='by the clock of the database')),
            ],
        ),
        migrations.CreateModel(
            name='Alarm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('condition', models.CharField(help_text='name of the condition', max_length=40)),
                ('sentence', models.CharField(help_text='what is wrong, as it was last seen', max_length=600)),
                ('first_seen_at', models.DateTimeField(help_text='since when it has been wrong')),
                ('right_since', models.DateTimeField(help_text='since when it has been right again', null=True)),
                ('opened_at', models.DateTimeField(help_text='when it had been wrong for ALARM_AFTER_MINUTES', null=True)),
                ('mailed_at', models.DateTimeField(help_text='when administrators last got a mail about it', null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('end_mailed_at', models.DateTimeField(null=True)),
            ],
            options={'ordering': ['-id'], 'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('condition',), name='one_alarm_per_condition')]},
        ),
        migrations.CreateModel(
            name='Announcement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('n_notifications', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('transition', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='announcement', to='detection.alerttransition')),
            ],
        ),
        migrations.CreateModel(
            name='CapMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identifier', models.CharField(max_length=60, unique=True)),
                ('message_type', models.CharField(choices=[('Alert', 'the first of a place'), ('Update', 'replaces those before'), ('Cancel', 'the place is followed no longer')], max_length=6)),
                ('references', models.TextField(blank=True, help_text='sender,identifier,sent of those that it replaces')),
                ('headline', models.CharField(max_length=300)),
                ('sent_at', models.DateTimeField()),
                ('xml', models.TextField()),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='cap_messages', to='detection.alert')),
                ('transition', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='cap_message', to='detection.alerttransition')),
            ],
            options={'ordering': ['-id']},
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254)),
                ('role', models.CharField(choices=[('viewers', 'viewer'), ('operators', 'operator'), ('publishers', 'publisher'), ('administrators', 'administrator')], help_text='the group that the account joins', max_length=20)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('accepted_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={'ordering': ['-created_at']},
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(db_index=True, help_text='in lower case', max_length=254)),
                ('role', models.CharField(choices=[('owner', 'owner'), ('member', 'member')], default='member', max_length=10)),
                ('wants_mails', models.BooleanField(default=True)),
                ('language', models.CharField(default=monitor.models.subscriptions.language_of_request, help_text='where no subscription says it', max_length=10)),
                ('time_zone', models.CharField(default='UTC', help_text='where no subscription says it', max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True, help_text='when it was invited')),
                ('confirmed_at', models.DateTimeField(null=True)),
                ('left_at', models.DateTimeField(help_text='of an invitation: when it was declined', null=True)),
                ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='monitor.membership')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='monitor.organisation')),
            ],
            options={'ordering': ['created_at', 'id'], 'constraints': [models.UniqueConstraint(fields=('organisation', 'email'), name='one_membership_per_address')]},
        ),
        migrations.CreateModel(
            name='Endpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(help_text='a name in settings.CHANNELS', max_length=20)),
                ('email', models.EmailField(blank=True, db_index=True, help_text='in lower case; whoever reads it owns the endpoint', max_length=254)),
                ('url', models.CharField(max_length=2000)),
                ('name', models.CharField(blank=True, help_text='of a device: its browser and system', max_length=80)),
                ('keys', models.JSONField(default=dict, help_text='what messages are signed or encrypted with')),
                ('language', models.CharField(default=monitor.models.subscriptions.language_of_request, help_text='of settings.LANGUAGES', max_length=10)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('verified_at', models.DateTimeField(help_text='when it first took a test', null=True)),
                ('failures', models.PositiveSmallIntegerField(default=0, help_text='one after the other')),
                ('failing_since', models.DateTimeField(null=True)),
                ('next_try_at', models.DateTimeField(help_text='nothing is tried before', null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('end_reason', models.CharField(blank=True, choices=[('failing', 'it took nothing for a week'), ('gone', 'it answered that it is gone')], max_length=10)),
                ('organisation', models.ForeignKey(help_text='whose it is instead, with no mailbox', null=True, on_delete=django.db.models.deletion.CASCADE, to='monitor.organisation')),
            ],
            options={
                'ordering': ['id'],
                'constraints': [
                    models.UniqueConstraint(condition=models.Q(('organisation', None)), fields=('channel', 'email', 'url'), name='one_endpoint_per_address'),
                    models.UniqueConstraint(fields=('channel', 'organisation', 'url'), name='one_endpoint_per_organisation'),
                ],
            },
        ),
        migrations.CreateModel(
            name='RequestCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('who', models.CharField(max_length=64)),
                ('day', models.DateField()),
                ('n_requests', models.PositiveIntegerField(default=0)),
            ],
            options={'constraints': [models.UniqueConstraint(fields=('who', 'day'), name='one_count_a_day')]},
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(blank=True, db_index=True, help_text='in lower case; whoever reads it owns the subscription', max_length=254)),
                ('channel', models.CharField(default='mail', help_text='what carries its messages', max_length=20)),
                ('region', django.contrib.gis.db.models.fields.MultiPolygonField(srid=4326)),
                ('label', models.CharField(help_text='the region in words', max_length=200)),
                ('name', models.CharField(blank=True, help_text='what its owner calls it; of a seat, the organisation', max_length=80)),
                ('n_assets', models.PositiveIntegerField(default=0, help_text='sites, where the region is a list of them')),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=30), help_text='of detection.kinds.Kind', size=None)),
                ('lowest_severity', models.CharField(choices=[('minor', 'minor'), ('moderate', 'moderate'), ('strong', 'strong')], max_length=10)),
                ('unreviewed', models.BooleanField(help_text='also alerts that nobody has reviewed yet')),
                ('updates', models.BooleanField(default=True, help_text='also what changes in an alert that is known, and its end')),
                ('least_exposure', models.PositiveIntegerField(default=0, help_text='people or buildings there, where it is known')),
                ('frequency', models.CharField(choices=[('at-once', 'At once'), ('daily', 'Once a day'), ('weekly', 'Once a week'), ('monthly', 'Once a month')], max_length=10)),
                ('language', models.CharField(default=monitor.models.subscriptions.language_of_request, help_text='of settings.LANGUAGES', max_length=10)),
                ('time_zone', models.CharField(default='UTC', help_text='as the tz database names it', max_length=64)),
                ('quiet_from', models.PositiveSmallIntegerField(help_text="hour of the reader's day, 0-23: no message", null=True)),
                ('quiet_until', models.PositiveSmallIntegerField(help_text='and from this hour on messages again', null=True)),
                ('sign_of_life', models.BooleanField(default=False, help_text='a message each quarter that brought nothing')),
                ('last_sign_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('confirmed_at', models.DateTimeField(null=True)),
                ('paused_at', models.DateTimeField(null=True)),
                ('paused_until', models.DateTimeField(help_text='then the pause ends by itself', null=True)),
                ('pause_reason', models.CharField(blank=True, choices=[('owner', 'you paused it'), ('bounced', 'mails to this address were refused')], max_length=10)),
                ('ended_at', models.DateTimeField(null=True)),
                ('last_digest_at', models.DateTimeField(null=True)),
                ('feed_key', models.CharField(help_text='secret part of the addresses of its feeds; null: it has none', max_length=40, null=True, unique=True)),
                ('bounces', models.PositiveSmallIntegerField(default=0, help_text='messages refused for good, one after the other')),
                ('organisation', models.ForeignKey(help_text='whose it is, with no address', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='subscriptions', to='monitor.organisation')),
                ('shared', models.ForeignKey(help_text="the organisation's that this one follows", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='seats', to='monitor.subscription')),
            ],
            options={
                'ordering': ['created_at', 'id'],
                'constraints': [
                    models.CheckConstraint(condition=models.Q(models.Q(('organisation', None), models.Q(('email', ''), _negated=True)), models.Q(('email', ''), ('organisation__isnull', False)), _connector='OR'), name='of_a_person_or_an_organisation'),
                    models.UniqueConstraint(condition=models.Q(('shared__isnull', False)), fields=('shared', 'email'), name='one_seat_per_member'),
                ],
            },
        ),
        migrations.CreateModel(
            name='OutgoingMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(default='mail', help_text='a name in settings.CHANNELS', max_length=20)),
                ('kind', models.CharField(choices=[('confirm', 'Confirm'), ('link', 'Link'), ('alert', 'Alert'), ('correction', 'Correction'), ('digest', 'Digest'), ('summary', 'Summary'), ('sign', 'Sign'), ('test', 'Test'), ('invitation', 'Invitation'), ('membership', 'Membership'), ('reset', 'Reset'), ('check', 'Check'), ('ended', 'Ended'), ('visits', 'Visits')], max_length=10)),
                ('key', models.CharField(help_text='the same for the same news to the same address', max_length=120)),
                ('address', models.CharField(db_index=True, max_length=254)),
                ('language', models.CharField(default=monitor.models.subscriptions.language_of_request, help_text='where no subscription says it', max_length=10)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('sending', 'Sending'), ('sent', 'Sent'), ('failed', 'Failed'), ('withdrawn', 'Withdrawn')], default='queued', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('next_try_at', models.DateTimeField()),
                ('lease_until', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('account', models.ForeignKey(help_text='whose password is new', null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                ('endpoint', models.ForeignKey(help_text='where it goes, or which it is about', null=True, on_delete=django.db.models.deletion.CASCADE, to='monitor.endpoint')),
                ('invitation', models.ForeignKey(help_text='the one to accept', null=True, on_delete=django.db.models.deletion.CASCADE, to='monitor.invitation')),
                ('membership', models.ForeignKey(help_text='the one to accept', null=True, on_delete=django.db.models.deletion.CASCADE, to='monitor.membership')),
                ('transition', models.ForeignKey(help_text='the news of a single alert', null=True, on_delete=django.db.models.deletion.CASCADE, to='detection.alerttransition')),
                ('subscription', models.ForeignKey(help_text='the one to confirm', null=True, on_delete=django.db.models.deletion.CASCADE, to='monitor.subscription')),
            ],
            options={
                'ordering': ['id'],
                'indexes': [
                    models.Index(condition=models.Q(('state__in', ['queued', 'sending'])), fields=['next_try_at', 'id'], name='outgoingmessage_unfinished'),
                    models.Index(condition=models.Q(('state', 'failed')), fields=['next_try_at'], name='outgoingmessage_failed'),
                ],
                'constraints': [models.UniqueConstraint(fields=('key', 'channel'), name='one_message_per_key')],
            },
        ),
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('withdrawn_at', models.DateTimeField(help_text='it was overtaken before it was sent', null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('transition', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to='detection.alerttransition')),
                ('message', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to='monitor.outgoingmessage')),
                ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to='monitor.subscription')),
            ],
            options={
                'ordering': ['id'],
                'indexes': [models.Index(condition=models.Q(('message__isnull', True), ('withdrawn_at__isnull', True)), fields=['subscription'], name='notification_waiting')],
                'constraints': [models.UniqueConstraint(fields=('transition', 'subscription'), name='notified_once')],
            },
        ),
        migrations.CreateModel(
            name='Asset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('longitude', models.FloatField(help_text='degrees')),
                ('latitude', models.FloatField(help_text='degrees')),
                ('radius_m', models.FloatField()),
                ('area', django.contrib.gis.db.models.fields.MultiPolygonField(srid=4326)),
                ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='assets', to='monitor.subscription')),
            ],
            options={'ordering': ['id']},
        ),
    ]
