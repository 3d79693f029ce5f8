package git

import "tickmark/internal/record"

// The kinds this connector hands over.
const (
	KindRepository = "git_repository"
	KindBranch     = "git_branch"
	KindTag        = "git_tag"
	KindCommit     = "git_commit"
	KindFile       = "git_file"
)

func repositoryKind() record.Kind {
	return record.Kind{
		Name: KindRepository, Title: "Repository", Plural: "Repositories", Group: "Git", Collected: true, Label: "name",
		Help: "A git repository on a machine, with its remotes and its default branch. Addresses are kept without credentials.",
		Fields: []record.Field{
			{Name: "path", Type: record.Text, Title: "Folder"},
			{Name: "name", Type: record.Text},
			{Name: "bare", Type: record.Bool, Help: "Without files to work on, as on a server.", Hidden: true},
			{Name: "linked_worktree", Type: record.Bool, Hidden: true, Help: "A second folder of another repository."},
			{Name: "empty", Type: record.Bool, Help: "No commit yet.", Hidden: true},
			{Name: "shallow", Type: record.Bool, Help: "History was cut off when it was cloned."},
			{Name: "partial", Type: record.Bool, Help: "Some objects were left at the remote when it was cloned.", Hidden: true},
			{Name: "object_format", Type: record.Choice, Choices: []string{"sha1", "sha256"}, Hidden: true},
			{Name: "head", Type: record.Ref, Refers: KindCommit},
			{Name: "head_branch", Type: record.Text, Help: "None when a commit and no branch is in use.", Hidden: true},
			{Name: "default_branch", Type: record.Text},
			{Name: "default_ref", Type: record.Text, Hidden: true},
			{Name: "default_head", Type: record.Ref, Refers: KindCommit, Hidden: true},
			{Name: "default_branch_exists", Type: record.Bool, Help: "Absent when no name for it could be found."},
			{Name: "remotes", Type: record.Object, List: true, Fields: []record.Field{
				{Name: "name", Type: record.Text},
				{Name: "url", Type: record.Text, Title: "Address", Help: "As git would use it, without credentials."},
				{Name: "scheme", Type: record.Text, Help: "https, ssh, http, git, file or a helper's name."},
				{Name: "host", Type: record.Text},
				{Name: "push_url", Type: record.Text, Title: "Address for pushing", Help: "Only where it differs."},
				{Name: "push_scheme", Type: record.Text},
				{Name: "credentials_in_url", Type: record.Bool, Help: "The configured address holds a password or token in plain text."},
			}},
		},
		Views: []record.View{{Name: "component", Fields: map[string]string{"id": "r.name", "name": "r.name"}}},
	}
}

func branchKind() record.Kind {
	return record.Kind{
		Name: KindBranch, Title: "Branch", Plural: "Branches", Group: "Git", Collected: true, Label: "name",
		Help: "A branch of a repository, its own or a remote's as last fetched.",
		Fields: []record.Field{
			{Name: "ref", Type: record.Text, Hidden: true},
			{Name: "name", Type: record.Text, Indexed: true},
			{Name: "remote", Type: record.Text, Help: "None for a branch of this repository."},
			{Name: "head", Type: record.Ref, Refers: KindCommit, Indexed: true},
			{Name: "is_default", Type: record.Bool, Title: "Default"},
		},
	}
}

func tagKind() record.Kind {
	return record.Kind{
		Name: KindTag, Title: "Tag", Plural: "Tags", Group: "Git", Collected: true, Label: "name",
		Help: "A tag of a repository. An annotated tag says who made it and when; a signature is noted, not verified.",
		Fields: []record.Field{
			{Name: "name", Type: record.Text, Indexed: true},
			{Name: "object", Type: record.Text, Help: "The tag's own object when annotated, else what it names.", Hidden: true},
			{Name: "annotated", Type: record.Bool},
			{Name: "target", Type: record.Text, Help: "The object it names, usually a commit.", Indexed: true},
			{Name: "target_type", Type: record.Choice, Choices: []string{"commit", "tag", "tree", "blob"}, Hidden: true},
			{Name: "tagger_name", Type: record.Text, Personal: true},
			{Name: "tagger_email", Type: record.Email, Personal: true, Indexed: true},
			{Name: "tagged_at", Type: record.Time},
			{Name: "subject", Type: record.Text},
			{Name: "signed", Type: record.Bool, Help: "It carries a signature; whether that is valid is not known."},
			{Name: "signature", Type: record.Choice, Choices: []string{noSignature, gpgSignature, sshSignature, x509Signature, otherSignature}, Hidden: true},
		},
	}
}

// commitKind offers the view change: one change made to what the organisation runs. Its fields, for every connector that
// offers it, are
//
//	id              the change's identity at its source
//	title           one line
//	author          who made it, by name
//	author_email    who made it, by address
//	approved        whether another person approved it before it was merged
//	approved_by     who that was
//	merged_at       when it became part of what is released from
//	merged_by       who put it there, by name
//	merged_by_email who put it there, by address
//	branch          where to
//	signed          whether it carries a signature
//
// A git repository alone knows nothing of approval and does not record when a commit reached a branch: approved and
// approved_by are absent, which is unknown and never no. merged_at is the committer's time, and the committer is merged_by.
func commitKind() record.Kind {
	return record.Kind{
		Name: KindCommit, Title: "Commit", Plural: "Commits", Group: "Git", Collected: true, Label: "subject", Occurred: "committed_at",
		Help: "A commit of a repository. Names, addresses and times are what its maker stated. A signature is noted, not verified.",
		Fields: []record.Field{
			{Name: "id", Type: record.Text, Hidden: true},
			{Name: "subject", Type: record.Text},
			{Name: "author_name", Type: record.Text, Personal: true},
			{Name: "author_email", Type: record.Email, Personal: true, Indexed: true},
			{Name: "authored_at", Type: record.Time, Hidden: true},
			{Name: "author_zone", Type: record.Text, Help: "The zone as stated, such as +0100; none when none is stated.", Hidden: true},
			{Name: "committer_name", Type: record.Text, Personal: true, Hidden: true},
			{Name: "committer_email", Type: record.Email, Personal: true, Hidden: true},
			{Name: "committed_at", Type: record.Time, Indexed: true},
			{Name: "committer_zone", Type: record.Text, Hidden: true},
			{Name: "message", Type: record.Long, Personal: true, Hidden: true, Help: "As written; people are often named in it."},
			{Name: "tree", Type: record.Text, Hidden: true},
			{Name: "parents", Type: record.Ref, Refers: KindCommit, List: true, Hidden: true},
			{Name: "merge", Type: record.Bool, Hidden: true},
			{Name: "encoding", Type: record.Text, Hidden: true, Help: "The encoding its text was written in, where it says so."},
			{Name: "text_damaged", Type: record.Bool, Hidden: true, Help: "Some of its text could not be read in the encoding it states."},
			{Name: "signed", Type: record.Bool, Help: "It carries a signature; whether that is valid is not known."},
			{Name: "signature", Type: record.Choice, Choices: []string{noSignature, gpgSignature, sshSignature, x509Signature, otherSignature}, Hidden: true},
			{Name: "on_default_branch", Type: record.Bool, Title: "On the default branch",
				Help: "Whether the default branch holds it. Its history says when that was first seen."},
		},
		Views: []record.View{{
			Name: "change", Where: "r.on_default_branch == true",
			Fields: map[string]string{
				"id": "r.id", "title": "r.subject", "author": "r.author_name", "author_email": "r.author_email",
				"merged_at": "r.committed_at", "merged_by": "r.committer_name", "merged_by_email": "r.committer_email", "signed": "r.signed",
			},
		}},
	}
}

func fileKind() record.Kind {
	return record.Kind{
		Name: KindFile, Title: "Watched file", Plural: "Watched files", Group: "Git", Collected: true,
		Help: "Something that governs change and is or is not on the default branch: code owners, security policy, CI definition, licence, " +
			"dependency updates, files named like secrets, and for each manifest its lock file.",
		Fields: []record.Field{
			{Name: "thing", Type: record.Choice, Choices: []string{"code_owners", "security_policy", "ci", "licence", "dependency_updates", "secret_file", "lock_file"}, Indexed: true},
			{Name: "branch", Type: record.Text, Hidden: true},
			{Name: "present", Type: record.Bool, Indexed: true},
			{Name: "path", Type: record.Text, Help: "The file in force where there are several."},
			{Name: "sha256", Type: record.Text, Title: "SHA-256 of its content", Hidden: true},
			{Name: "size", Type: record.Integer, Help: "In bytes.", Hidden: true},
			{Name: "lines", Type: record.Integer, Help: "Lines that say something: not blank, and for code owners not a comment. Absent for large files.", Hidden: true},
			{Name: "paths", Type: record.Text, List: true, Help: "Every file found for it, at most 1,000.", Hidden: true},
			{Name: "files", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
				{Name: "path", Type: record.Text},
				{Name: "sha256", Type: record.Text},
				{Name: "size", Type: record.Integer},
			}},
			{Name: "manifest", Type: record.Text, Help: "For a lock file: the manifest whose dependencies it pins."},
			{Name: "needed", Type: record.Bool, Help: "For a lock file: whether the manifest asks for anything to pin. Absent when that could not be read.", Hidden: true},
		},
	}
}
