"""All tables of detection as of version 0.4.0, in place of the 21 migrations that led to them."""

import django.contrib.gis.db.models.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# The audit is only added to: the database itself refuses to change, delete or empty it, whoever asks.
KEEP_THE_AUDIT = """
    CREATE FUNCTION detection_audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit is only added to: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
    END $$;
    CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON detection_auditentry
        FOR EACH ROW EXECUTE FUNCTION detection_audit_is_kept();
    CREATE TRIGGER audit_stays BEFORE TRUNCATE ON detection_auditentry
        FOR EACH STATEMENT EXECUTE FUNCTION detection_audit_is_kept();
"""
LET_THE_AUDIT_GO = """
    DROP TRIGGER audit_stays ON detection_auditentry;
    DROP TRIGGER audit_rows_stay ON detection_auditentry;
    DROP FUNCTION detection_audit_is_kept();
"""
REPLACED = [
    "0001_initial", "0002_figures_of_pairs", "0003_review", "0004_kinds_by_network", "0005_glacier_surges",
    "0006_one_word_for_one_concept", "0007_kinds_in_one_table", "0008_measured_places", "0009_regions",
    "0010_exposure", "0011_code_of_scans", "0012_motion_of_alerts", "0013_updates_and_life", "0014_causes",
    "0015_evidence", "0016_views_by_processor", "0017_review_desk", "0018_edits", "0019_proposals",
    "0020_alerts_of_persons", "0021_batches_and_visits",
]


class Migration(migrations.Migration):
    replaces = [('detection', name) for name in REPLACED]
    initial = True

    dependencies = [
        ('ingest', '0001_tables_of_0_4_0'),
        ('ml', '0001_tables_of_0_4_0'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('area', django.contrib.gis.db.models.fields.MultiPolygonField(srid=4326)),
                ('area_m2', models.FloatField()),
                ('rate_mm_yr', models.FloatField(help_text='median inside', null=True)),
                ('peak_rate_mm_yr', models.FloatField(null=True)),
                ('peak_low_mm_yr', models.FloatField(help_text='90 % interval of the peak rate: its end nearer to zero', null=True)),
                ('peak_high_mm_yr', models.FloatField(help_text='and its other end', null=True)),
                ('rate_sigma_mm_yr', models.FloatField(help_text='one standard deviation', null=True)),
                ('speed_m_day', models.FloatField(help_text='median inside, never negative', null=True)),
                ('peak_speed_m_day', models.FloatField(null=True)),
                ('speed_sigma_m_day', models.FloatField(help_text='one standard deviation', null=True)),
                ('bearing_deg', models.FloatField(null=True)),
                ('usual_speed_m_day', models.FloatField(help_text='of a glacier: expected from season and trend', null=True)),
                ('onset', models.DateField(help_text='of a surge: when a tenth of its rise is reached', null=True)),
                ('onset_sigma_days', models.FloatField(help_text='one standard deviation', null=True)),
                ('coherence_before', models.FloatField(help_text="median of the pair's predecessors, 0-1", null=True)),
                ('coherence_after', models.FloatField(help_text='median of the pair itself, 0-1', null=True)),
                ('change_sigma', models.FloatField(help_text='robust z-score of the change, negative: coherence was lost', null=True)),
                ('extent', models.CharField(choices=[('local', 'local'), ('region', 'region')], default='local', help_text="a place, against the ground around it; or a region of kilometres, against the product's reference", max_length=6)),
                ('reference', models.CharField(blank=True, help_text="of a region's rates: gnss or local", max_length=5)),
                ('class_shares', models.JSONField(default=dict, help_text='class of the network: its probability, 0-1')),
                ('kind', models.CharField(help_text='of detection.kinds.Kind', max_length=30)),
                ('state', models.CharField(choices=[('first', 'first'), ('provisional', 'provisional'), ('confirmed', 'confirmed'), ('rejected', 'rejected'), ('finished', 'finished'), ('merged', 'merged')], db_index=True, default='first', max_length=12)),
                ('severity', models.CharField(choices=[('minor', 'minor'), ('moderate', 'moderate'), ('strong', 'strong')], max_length=10)),
                ('component', models.CharField(blank=True, help_text='what the rates measure: los, up or east', max_length=5)),
                ('first_motion', models.DateField(help_text='first date of the data that show it')),
                ('last_motion', models.DateField()),
                ('simulated', models.BooleanField(default=False)),
                ('source', models.CharField(choices=[('computer', 'computer'), ('person', 'person')], default='computer', help_text='who found it first', max_length=8)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={'ordering': ['-created_at', '-id']},
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('actor', models.CharField(max_length=150)),
                ('action', models.CharField(max_length=40)),
                ('subject', models.CharField(help_text="an alert's code", max_length=40)),
                ('before', models.CharField(blank=True, max_length=40)),
                ('after', models.CharField(blank=True, max_length=40)),
                ('detail', models.TextField(blank=True)),
            ],
            options={'verbose_name_plural': 'audit entries', 'ordering': ['-id']},
        ),
        migrations.CreateModel(
            name='AlertCause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('network_shares', models.JSONField(help_text='class of the network: its probability before the surroundings, 0-1')),
                ('other_share', models.FloatField(help_text='probability that it is none of these, 0-1')),
                ('terms', models.JSONField(help_text='facts of the surroundings, and by how much each multiplies odds')),
                ('elongation', models.FloatField(help_text='longer over shorter side')),
                ('across_m', models.FloatField(help_text='diameter of the circle of the same area')),
                ('alert', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='cause', to='detection.alert')),
            ],
        ),
        migrations.CreateModel(
            name='AlertExposure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('buildings', models.PositiveIntegerField(null=True)),
                ('main_road_km', models.FloatField(null=True)),
                ('other_road_km', models.FloatField(null=True)),
                ('railway_km', models.FloatField(null=True)),
                ('people', models.FloatField(null=True)),
                ('weight', models.PositiveSmallIntegerField(default=0, help_text='for severity and the order of lists: 0 to 2')),
                ('sources', models.JSONField(default=list, help_text='the layers that were asked: kind, name, loaded_on, attribution')),
                ('counted_at', models.DateTimeField(auto_now=True)),
                ('alert', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='exposure', to='detection.alert')),
            ],
        ),
        migrations.CreateModel(
            name='AlertLife',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('told', models.JSONField(help_text='of detection.rules.updates.Figures')),
                ('told_at', models.DateTimeField(help_text='of the last step')),
                ('views', models.JSONField(default=dict, help_text='view: its detection.rules.lifecycle.ViewLife')),
                ('alert', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='life', to='detection.alert')),
            ],
        ),
        migrations.CreateModel(
            name='AlertMethods',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('looks', models.JSONField(help_text='of ground_motion.methods.deformation.classical.MethodResult, one for each method')),
                ('basis', models.CharField(help_text='hash of what they looked at', max_length=64)),
                ('compared_at', models.DateTimeField()),
                ('alert', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='methods', to='detection.alert')),
            ],
        ),
        migrations.CreateModel(
            name='AlertMotion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('direction', models.CharField(blank=True, help_text="of the product's track", max_length=10)),
                ('n_dates', models.PositiveIntegerField()),
                ('trend', models.CharField(help_text='of ground_motion.methods.deformation.motion.series.Trend', max_length=10)),
                ('rate_mm_yr', models.FloatField(help_text='at the end of the series')),
                ('rate_sigma_mm_yr', models.FloatField(help_text='one standard deviation')),
                ('before_mm_yr', models.FloatField(help_text='before the last change of the rate', null=True)),
                ('before_sigma_mm_yr', models.FloatField(null=True)),
                ('changed_on', models.DateField(help_text='when the rate changed last', null=True)),
                ('changed_sigma_days', models.FloatField(help_text='one standard deviation', null=True)),
                ('accelerating_since', models.DateField(null=True)),
                ('at_rest_since', models.DateField(null=True)),
                ('moving_since', models.DateField(help_text='where the series shows that it was still before', null=True)),
                ('season_mm', models.FloatField(help_text='half of the way from lowest to highest, 0 where no season is sure')),
                ('season_month', models.PositiveSmallIntegerField(help_text='of the highest', null=True)),
                ('fit', models.JSONField(help_text='series, curve and changes, for the chart')),
                ('basis', models.CharField(help_text='hash of what it was made from', max_length=64)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('alert', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='motion', to='detection.alert')),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='ingest.product')),
            ],
        ),
        migrations.CreateModel(
            name='AlertTransition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('from_state', models.CharField(blank=True, choices=[('first', 'first'), ('provisional', 'provisional'), ('confirmed', 'confirmed'), ('rejected', 'rejected'), ('finished', 'finished'), ('merged', 'merged')], max_length=12)),
                ('to_state', models.CharField(choices=[('first', 'first'), ('provisional', 'provisional'), ('confirmed', 'confirmed'), ('rejected', 'rejected'), ('finished', 'finished'), ('merged', 'merged')], max_length=12)),
                ('reason', models.CharField(max_length=300)),
                ('actor', models.CharField(default='automatic', max_length=60)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='transitions', to='detection.alert')),
            ],
            options={'ordering': ['created_at', 'id']},
        ),
        migrations.CreateModel(
            name='AlertEdit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('before', models.JSONField()),
                ('after', models.JSONField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='edits', to='detection.alert')),
                ('editor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('takes_back', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='taken_back_by', to='detection.alertedit')),
                ('transition', models.OneToOneField(help_text='none: not announced', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='edit', to='detection.alerttransition')),
            ],
            options={'ordering': ['created_at', 'id']},
        ),
        migrations.CreateModel(
            name='AlertUpdate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('changes', models.JSONField(help_text='of detection.rules.updates.Change: cause, before, after, unit, component')),
                ('told_at', models.DateTimeField(help_text='when the figures of `before` were told')),
                ('run_number', models.BigIntegerField(help_text='of the run that showed it; the run may be deleted', null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('transition', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='update', to='detection.alerttransition')),
            ],
            options={'ordering': ['id']},
        ),
        migrations.CreateModel(
            name='Assignment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('alert', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='assignment', to='detection.alert')),
                ('assigned_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('assignee', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='CaseNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='detection.alert')),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={'ordering': ['-created_at', '-id']},
        ),
        migrations.CreateModel(
            name='CaseFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=160)),
                ('media_type', models.CharField(max_length=40)),
                ('size_bytes', models.PositiveIntegerField()),
                ('content', models.BinaryField()),
                ('note', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='detection.casenote')),
            ],
            options={'ordering': ['id']},
        ),
        migrations.CreateModel(
            name='Claim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('alert', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='claim', to='detection.alert')),
                ('holder', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='GlacierMotion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('short', 'too few pairs to tell'), ('steady', 'as usual'), ('surging', 'surging')], default='short', max_length=8)),
                ('stale', models.BooleanField(db_index=True, default=True, help_text='a sample is newer than this')),
                ('n_pairs', models.PositiveIntegerField(default=0)),
                ('last_day', models.DateField(null=True)),
                ('speed_m_day', models.FloatField(help_text='in the last pair', null=True)),
                ('sigma_m_day', models.FloatField(help_text='one standard deviation', null=True)),
                ('usual_m_day', models.FloatField(help_text='median of the series', null=True)),
                ('views', models.JSONField(default=list, help_text='series and surges of each track')),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('glacier', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='motion', to='ingest.glacier')),
            ],
            options={'ordering': ['-speed_m_day', 'id']},
        ),
        migrations.CreateModel(
            name='GlacierScan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('n_glaciers', models.PositiveIntegerField()),
                ('stable_ground', models.CharField(help_text='stationary, slowest, or nothing: no offset was known', max_length=12)),
                ('stable_rmse_m_day', models.FloatField(help_text='apparent motion of stable ground, median removed', null=True)),
                ('measured_at', models.DateTimeField()),
                ('prediction', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='glacier_scan', to='ml.prediction')),
            ],
        ),
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(choices=[('confirm', 'confirm'), ('reject', 'reject'), ('finish', 'finish'), ('duplicate', 'duplicate'), ('field-visit', 'field-visit'), ('taken-back', 'taken-back'), ('drawn', 'drawn')], max_length=12)),
                ('reason_code', models.CharField(max_length=20)),
                ('public_note', models.TextField(help_text='what everybody reads')),
                ('internal_note', models.TextField(blank=True, help_text='for reviewers only')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reviews', to='detection.alert')),
                ('other', models.ForeignKey(help_text='of a duplicate: the alert that goes on', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='detection.alert')),
                ('reviewer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('takes_back', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='taken_back_by', to='detection.review')),
                ('transition', models.OneToOneField(help_text='none for a visit: the state stays', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='review', to='detection.alerttransition')),
            ],
            options={'ordering': ['created_at', 'id']},
        ),
        migrations.CreateModel(
            name='FieldVisit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('remind', models.BooleanField(default=True, help_text='the visitor by mail, on the day before')),
                ('reminded_at', models.DateTimeField(null=True)),
                ('result', models.CharField(blank=True, choices=[('seen', 'traces of motion were seen'), ('nothing', 'nothing was seen'), ('unreached', 'the place could not be reached'), ('moved', 'it was planned anew')], max_length=10)),
                ('reported_at', models.DateTimeField(null=True)),
                ('note', models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='visit', to='detection.casenote')),
                ('reported_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('visitor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('review', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='visit', to='detection.review')),
            ],
            options={'ordering': ['day', 'id']},
        ),
        migrations.CreateModel(
            name='ReviewBatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('reviewer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={'ordering': ['-id']},
        ),
        migrations.AddField(
            model_name='review',
            name='batch',
            field=models.ForeignKey(help_text='of several verdicts in one act', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='reviews', to='detection.reviewbatch'),
        ),
        migrations.CreateModel(
            name='Scan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('thresholds', models.JSONField()),
                ('code_version', models.CharField(blank=True, help_text='that searched', max_length=60)),
                ('n_detections', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('prediction', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='scan', to='ml.prediction')),
            ],
        ),
        migrations.CreateModel(
            name='Detection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('area', django.contrib.gis.db.models.fields.MultiPolygonField(srid=4326)),
                ('area_m2', models.FloatField()),
                ('rate_mm_yr', models.FloatField(help_text='median inside', null=True)),
                ('peak_rate_mm_yr', models.FloatField(null=True)),
                ('peak_low_mm_yr', models.FloatField(help_text='90 % interval of the peak rate: its end nearer to zero', null=True)),
                ('peak_high_mm_yr', models.FloatField(help_text='and its other end', null=True)),
                ('rate_sigma_mm_yr', models.FloatField(help_text='one standard deviation', null=True)),
                ('speed_m_day', models.FloatField(help_text='median inside, never negative', null=True)),
                ('peak_speed_m_day', models.FloatField(null=True)),
                ('speed_sigma_m_day', models.FloatField(help_text='one standard deviation', null=True)),
                ('bearing_deg', models.FloatField(null=True)),
                ('usual_speed_m_day', models.FloatField(help_text='of a glacier: expected from season and trend', null=True)),
                ('onset', models.DateField(help_text='of a surge: when a tenth of its rise is reached', null=True)),
                ('onset_sigma_days', models.FloatField(help_text='one standard deviation', null=True)),
                ('coherence_before', models.FloatField(help_text="median of the pair's predecessors, 0-1", null=True)),
                ('coherence_after', models.FloatField(help_text='median of the pair itself, 0-1', null=True)),
                ('change_sigma', models.FloatField(help_text='robust z-score of the change, negative: coherence was lost', null=True)),
                ('extent', models.CharField(choices=[('local', 'local'), ('region', 'region')], default='local', help_text="a place, against the ground around it; or a region of kilometres, against the product's reference", max_length=6)),
                ('reference', models.CharField(blank=True, help_text="of a region's rates: gnss or local", max_length=5)),
                ('class_shares', models.JSONField(default=dict, help_text='class of the network: its probability, 0-1')),
                ('kind', models.CharField(help_text='of detection.kinds.Kind', max_length=30)),
                ('score', models.FloatField(help_text='highest probability inside, 0-1')),
                ('n_points', models.PositiveIntegerField(help_text='measurement points, or cells of an image pair, inside')),
                ('reasons', models.JSONField(default=list, help_text='the points inside against those around')),
                ('places', models.JSONField(default=list, help_text='of each peak inside, strongest first: its rate, interval and outlines (GeoJSON)')),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='detections', to='detection.alert')),
                ('scan', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='detections', to='detection.scan')),
            ],
            options={'ordering': ['-score', '-area_m2']},
        ),
        migrations.CreateModel(
            name='SetByHand',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(blank=True, help_text='of detection.kinds.Kind', max_length=30)),
                ('severity', models.CharField(blank=True, max_length=10)),
                ('area', django.contrib.gis.db.models.fields.MultiPolygonField(null=True, srid=4326)),
                ('texts', models.JSONField(default=dict, help_text='language: what everybody reads beside the computed sentence')),
                ('computed', models.JSONField(default=dict, help_text='kind, severity and area (GeoJSON) of the last look')),
                ('alert', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='by_hand', to='detection.alert')),
            ],
        ),
        migrations.CreateModel(
            name='SurgeSeries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('predictions', models.JSONField(help_text='numbers of the offsets, oldest first; they may be deleted')),
                ('rule', models.JSONField(help_text='of ground_motion.methods.glaciers.surges.SurgeRule')),
                ('detection', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='surge_series', to='detection.detection')),
                ('glacier', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='ingest.glacier')),
            ],
        ),
        migrations.CreateModel(
            name='AlertRelation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('relation', models.CharField(choices=[('merged-into', 'became part of'), ('split-from', 'split from')], max_length=12)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='relations', to='detection.alert')),
                ('other', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='relations_of_others', to='detection.alert')),
            ],
            options={'ordering': ['id'], 'constraints': [models.UniqueConstraint(fields=('alert', 'other', 'relation'), name='related_once')]},
        ),
        migrations.CreateModel(
            name='GlacierSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('packed', models.BinaryField()),
                ('glacier', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='samples', to='ingest.glacier')),
                ('prediction', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='glacier_samples', to='ml.prediction')),
            ],
            options={'constraints': [models.UniqueConstraint(fields=('glacier', 'prediction'), name='one_sample_per_glacier_and_run')]},
        ),
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason_code', models.CharField(blank=True, help_text='of a confirmation', max_length=20)),
                ('public_note', models.TextField(blank=True)),
                ('internal_note', models.TextField(blank=True)),
                ('change', models.JSONField(help_text='what an edit would set, as AlertEdit.after; null: it confirms', null=True)),
                ('announce', models.BooleanField(default=True, help_text='whether a change of the text alone is told')),
                ('outcome', models.CharField(choices=[('waiting', 'Waiting'), ('published', 'Published'), ('declined', 'Declined'), ('withdrawn', 'Withdrawn'), ('overtaken', 'Overtaken')], default='waiting', max_length=10)),
                ('decided_at', models.DateTimeField(null=True)),
                ('answer', models.TextField(blank=True, help_text='why it was declined; for reviewers only')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='proposals', to='detection.alert')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('edit', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='proposal', to='detection.alertedit')),
                ('proposer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('review', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='proposal', to='detection.review')),
            ],
            options={
                'ordering': ['created_at', 'id'],
                'default_permissions': ('view',),
                'permissions': [('publish_proposal', 'Can publish what another person proposed')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('outcome', 'waiting')), fields=('alert',), name='one_proposal_waits')],
            },
        ),
        migrations.CreateModel(
            name='SecondLook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('agrees', models.BooleanField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('review', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='second_looks', to='detection.review')),
                ('reviewer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={'ordering': ['created_at', 'id'], 'constraints': [models.UniqueConstraint(fields=('review', 'reviewer'), name='one_second_look_each')]},
        ),
        migrations.RunSQL(KEEP_THE_AUDIT, LET_THE_AUDIT_GO),
    ]
