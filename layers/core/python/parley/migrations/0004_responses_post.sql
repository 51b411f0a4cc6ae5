-- What the indexes of the migration before do as well, and the code before it still knew by name.

DROP INDEX responses_in_progress;
DROP INDEX conversations_by_activity;
