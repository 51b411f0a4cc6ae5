"""The third-party packages of the deployed functions: `project.dependencies` of pyproject.toml as constraints.txt pins them."""
