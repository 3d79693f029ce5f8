DROP INDEX result_record;

DROP INDEX result_entry;
