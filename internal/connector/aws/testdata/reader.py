"""Makes a role in moto's server that may do what the policy on standard input allows, and a user that may take it; then moto enforces
policies. Prints the user's key."""
import json
import sys
import urllib.request

import boto3

endpoint = sys.argv[1]
iam = boto3.client("iam", region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id="testing", aws_secret_access_key="testing")
iam.create_user(UserName="server")
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:user/server"}, "Action": "sts:AssumeRole",
                                                 "Condition": {"StringEquals": {"sts:ExternalId": "meadow-7"}}}]}
iam.create_role(RoleName="tickmark", AssumeRolePolicyDocument=json.dumps(trust))
iam.put_role_policy(RoleName="tickmark", PolicyName="read", PolicyDocument=sys.stdin.read())
iam.put_user_policy(UserName="server", PolicyName="take", PolicyDocument=json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/tickmark"}]}))
key = iam.create_access_key(UserName="server")["AccessKey"]
urllib.request.urlopen(urllib.request.Request(endpoint + "/moto-api/reset-auth", method="POST", data=b"0", headers={"Content-Type": "text/plain"}))
print(key["AccessKeyId"], key["SecretAccessKey"])
