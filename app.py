"""The CDK application: `npx aws-cdk@2.1148.1 synth -c stage=dev`, or without the CLI `python app.py -c stage=dev`.

The CLI is pinned: what npm calls `latest` refuses the assembly with "maximum schema version".
"""

import sys

from cdk.application import main

if __name__ == "__main__":
    main(sys.argv[1:])
