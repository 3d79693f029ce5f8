package aws

import _ "embed"

// policy is what to allow; a test holds it to the table of questions.
//
//go:embed policy.json
var policy string

//go:embed trust.json
var trust string

// grant is what to copy.
func grant() string {
	return "A policy that allows just the questions that are asked, to put in a file policy.json:\n\n```json\n" + policy + "```\n\n" +
		"Who may take the role, to put in trust.json. Put in the account in which Tickmark runs, and an external id of your own:\n\n```json\n" + trust + "```\n\n" +
		"Then, in the account to be read (of an organisation, in each, and with the last statement of the policy in the first):\n\n```sh\n" +
		"aws iam create-role --role-name tickmark --assume-role-policy-document file://trust.json\n" +
		"aws iam put-role-policy --role-name tickmark --policy-name read --policy-document file://policy.json\n```\n"
}

const tried = "Recorded answers of moto 5.2.1, which tests replay, and moto's server itself where it is installed, with its enforcement of policies. " +
	"Written by hand after the API reference, because moto does not answer them: GuardDuty's findings, Systems Manager's machines and patches, recovery points, and assumed roles across an organisation. " +
	"It never ran against AWS itself."
