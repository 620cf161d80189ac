"""Look for what a transaction's rows refer to when it commits, all keys of a statement at once. See core.references."""

from django.db import migrations

# Never holds a row that others can see: each is taken away by the trigger that it sets off. ids are distinct.
TABLE = """
CREATE TABLE core_openreference (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    column_name text NOT NULL,
    table_name text NOT NULL,
    ids bigint[] NOT NULL
)
"""
# Rows of this very transaction need no lock. Where not all are such (a savepoint has a number of its own), they are locked, as a
# foreign key would, so that nobody deletes them before it ends. Always by the index: a table that is not large yet would be read whole.
CLOSE = """
CREATE FUNCTION core_close_reference() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    found_count bigint;
BEGIN
    EXECUTE format(
        'SELECT count(*) FROM %I WHERE id = ANY($1) AND xmin = pg_current_xact_id()::xid', NEW.table_name
    ) INTO found_count USING NEW.ids;
    IF found_count < cardinality(NEW.ids) THEN
        EXECUTE format('SELECT FROM %I WHERE id = ANY($1) FOR KEY SHARE', NEW.table_name) USING NEW.ids;
        GET DIAGNOSTICS found_count = ROW_COUNT;
    END IF;
    IF found_count < cardinality(NEW.ids) THEN
        RAISE EXCEPTION '% refers to no row of %', NEW.column_name, NEW.table_name
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = NEW.name;
    END IF;
    DELETE FROM core_openreference WHERE id = NEW.id;
    RETURN NULL;
END
$$
"""
TRIGGER = """
CREATE CONSTRAINT TRIGGER open_reference_closed AFTER INSERT ON core_openreference
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION core_close_reference()
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_deployment")]
    operations = [
        migrations.RunSQL(TABLE, "DROP TABLE core_openreference"),
        migrations.RunSQL(CLOSE, "DROP FUNCTION core_close_reference()"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER open_reference_closed ON core_openreference"),
    ]
