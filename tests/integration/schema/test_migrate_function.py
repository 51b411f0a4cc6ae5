"""The migrate function, called as CDK's provider framework calls it."""

import psycopg
import pytest

from parley.migrations import load_migrations
from tests.integration.history.runtime import open_function
from tests.integration.schema.conftest import MakeDatabase

MODULE = "lambdas.migrate.main"
NAMES = ",".join(migration.name for migration in load_migrations())


def test_a_deployment_migrates_and_an_update_finds_nothing_to_do(make_database: MakeDatabase) -> None:
    with open_function(MODULE, {"STAGE": "dev", "DATABASE_URL": make_database()}) as function:
        created = function.invoke({"RequestType": "Create", "ResourceProperties": {"ServiceToken": "arn"}})
        updated = function.invoke(
            {"RequestType": "Update", "ResourceProperties": {}, "PhysicalResourceId": created["PhysicalResourceId"]}
        )

    assert created["Data"] == {"Applied": NAMES}
    assert updated == {"PhysicalResourceId": created["PhysicalResourceId"], "Data": {"Applied": ""}}


def test_a_phase_migrates_only_its_part(make_database: MakeDatabase) -> None:
    with open_function(MODULE, {"DATABASE_URL": make_database()}) as function:
        before = function.invoke({"RequestType": "Create", "ResourceProperties": {"Phases": ["pre"]}})
        after = function.invoke({"RequestType": "Create", "ResourceProperties": {"Phases": ["pre", "post"]}})

    assert ",".join(filter(None, (before["Data"]["Applied"], after["Data"]["Applied"]))) == NAMES
    assert before["PhysicalResourceId"] != after["PhysicalResourceId"]


def test_a_deleted_stack_leaves_the_data(make_database: MakeDatabase) -> None:
    url = make_database()
    with open_function(MODULE, {"DATABASE_URL": url}) as function:
        created = function.invoke({"RequestType": "Create"})

        deleted = function.invoke({"RequestType": "Delete", "PhysicalResourceId": created["PhysicalResourceId"]})

    assert deleted == {"PhysicalResourceId": created["PhysicalResourceId"]}
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM schema_migrations").fetchone() == (True,)


@pytest.mark.parametrize("phases", [["during"], "pre post", ["pre", "during"], []])
def test_phases_that_do_not_exist_fail_the_deployment(make_database: MakeDatabase, phases: object) -> None:
    with open_function(MODULE, {"DATABASE_URL": make_database()}) as function:
        answer = function.invoke({"RequestType": "Create", "ResourceProperties": {"Phases": phases}})

    assert answer["errorType"] == "ValueError"


def test_a_database_that_cannot_be_migrated_fails_the_deployment(make_database: MakeDatabase) -> None:
    url = make_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE items (in_the_way int)")

    with open_function(MODULE, {"DATABASE_URL": url}) as function:
        answer = function.invoke({"RequestType": "Create", "ResourceProperties": {}})

    assert answer["errorType"] == "DuplicateTable"
