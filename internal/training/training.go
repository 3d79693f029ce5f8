// Package training holds what people learn, who has to by when, and that they did. The one rule: nothing counts as completed
// that was not answered well enough or shown by another system's record, and what was late stays late.
package training

import (
	"tickmark/internal/record"
)

// Topics are what a module is about; checks ask for them.
var Topics = []string{"security_awareness", "privacy", "secure_development", "privileged_access", "other"}

// Kinds are the kinds of this room.
func Kinds() []record.Kind {
	return []record.Kind{ModuleKind(), KeyKind(), AssignmentKind(), CompletionKind()}
}

// ModuleKind declares the module: a text, questions about it, and whom it is for. The right answers stand apart, so that whoever may
// read the module reads none of them.
func ModuleKind() record.Kind {
	return record.Kind{
		Name: "training_module", Title: "Training module", Plural: "Training modules", Group: "Program",
		Help: "What people learn: a text, questions about it, whom it is for and how often.",
		Key:  "id", Label: "title",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Short and stable, such as security-awareness."},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "topic", Type: record.Choice, Required: true, Indexed: true, Choices: Topics, Help: "What checks count it as."},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true, Help: "Who keeps its content up to date."},
			{Name: "audience", Type: record.Choice, Required: true, Choices: []string{"everyone", "employees", "contractors", "groups", "named"}, Help: "Who must take it."},
			{Name: "groups", Type: record.Choice, List: true, Hidden: true, Choices: Groups, Help: "When the audience is groups: people of any of these."},
			{Name: "named", Title: "Named people", Type: record.Ref, Refers: "person", List: true, Hidden: true, Help: "When the audience is named."},
			{Name: "days", Title: "Days to complete it", Type: record.Integer, Hidden: true, Help: "After joining or publication; 30 when empty."},
			{Name: "months", Title: "Taken again after months", Type: record.Integer, Hidden: true, Help: "Empty: once."},
			{Name: "text", Type: record.Long, Required: true, Hidden: true, Help: "Markdown."},
			{Name: "questions", Type: record.Object, List: true, Hidden: true, Help: "Asked after reading. The right answers are a record of their own, of kind training_key.", Fields: []record.Field{
				{Name: "id", Title: "Id", Type: record.Text, Required: true},
				{Name: "question", Type: record.Text, Required: true},
				{Name: "options", Type: record.Text, List: true, Required: true},
			}},
			{Name: "pass_mark", Title: "Pass mark in percent", Type: record.Integer, Hidden: true, Help: "How much must be right; 80 when empty."},
			{Name: "edition", Type: record.Integer, Fixed: true, Help: "How many times it was published."},
			{Name: "sha256", Title: "SHA-256 of the content", Type: record.Text, Fixed: true, Hidden: true, Help: "Of title, text and questions as published."},
			{Name: "anew", Title: "Everybody takes it again", Type: record.Bool, Fixed: true, Hidden: true, Help: "Said when publishing; kept as the day."},
			{Name: "anew_on", Title: "Taken anew since", Type: record.Date, Fixed: true, Hidden: true, Help: "What was completed before this day no longer counts."},
			{Name: record.StateField, Type: record.Choice, Choices: moduleMachine().States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true},
			{Name: "published_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "published_at", Type: record.Time, Fixed: true, Indexed: true},
			{Name: "revised_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "revised_reason", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "retired_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "retired_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "retired_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: moduleMachine(), Guard: writeModule, Check: checkModule,
	}
}

// Groups are what a person's record may say somebody does, for audiences. None says that it was looked at and nothing of it fits.
var Groups = []string{"engineering", "administration", "personal_data", "support", "management", "none"}

func moduleMachine() *record.Machine {
	return &record.Machine{
		Initial: "draft", Authors: "authors", Frozen: []string{"published"},
		Moves: []record.Move{
			{Name: "publish", Title: "Publish", From: []string{"draft"}, To: "published", By: "published_by", At: "published_at", Guard: publish,
				Fields: []record.Field{{Name: "anew", Title: "Everybody takes it again", Type: record.Bool, Help: "Where the content changed so much that earlier completions no longer count."}}},
			{Name: "revise", Title: "Revise", From: []string{"published"}, To: "draft", By: "revised_by",
				Fields: []record.Field{{Name: "revised_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say what changes. Nobody can take it until it is published again."}}},
			{Name: "retire", Title: "Retire", From: []string{"draft", "published"}, To: "retired", By: "retired_by", At: "retired_at",
				Fields: []record.Field{{Name: "retired_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say what replaces it, or why nobody has to learn it any more."}}},
		},
	}
}

// KeyKind declares the right answers of a module. Only who runs the programme may read it.
func KeyKind() record.Kind {
	return record.Kind{
		Name: "training_key", Title: "Answers of a module", Plural: "Answers of modules", Group: "Program",
		Help: "Which answers of a module's questions are right. Those who only learn can't read it.",
		Key:  "module",
		Fields: []record.Field{
			{Name: "module", Type: record.Ref, Refers: "training_module", Required: true, Indexed: true},
			{Name: "right", Title: "Right answers", Type: record.Object, List: true, Required: true, Hidden: true, Fields: []record.Field{
				{Name: "question", Type: record.Text, Required: true, Help: "The question's id."},
				{Name: "option", Type: record.Integer, Required: true, Help: "Which option is right, counted from 1."},
			}},
		},
	}
}

// AssignmentKind declares that one person has to take one module by a day: assigned, completed; void when the person left or the module
// no longer concerns them. Only the program opens one.
func AssignmentKind() record.Kind {
	return record.Kind{
		Name: "training_assignment", Title: "Training assignment", Plural: "Training assignments", Group: "Program",
		Help: "That one person has to take one module by a day, with every attempt.",
		Fields: []record.Field{
			{Name: "module", Type: record.Ref, Refers: "training_module", Required: true, Indexed: true},
			{Name: "topic", Type: record.Choice, Choices: Topics, Fixed: true, Indexed: true},
			{Name: "person", Type: record.Ref, Refers: "person", Required: true, Indexed: true},
			{Name: "because", Type: record.Choice, Choices: []string{"joining", "cadence", "publication"}, Fixed: true, Hidden: true},
			{Name: "assigned", Type: record.Date, Required: true},
			{Name: "due", Type: record.Date, Required: true, Indexed: true},
			{Name: "overdue_since", Type: record.Date, Fixed: true, Indexed: true, Hidden: true, Help: "Set when the due date passes, and stays."},
			{Name: record.StateField, Type: record.Choice, Choices: assignmentMachine().States(), Fixed: true, Indexed: true},
			{Name: "attempts", Type: record.Object, List: true, Fixed: true, Hidden: true, Help: "Each time answers were handed in. What was answered is not kept, only what was right.", Fields: []record.Field{
				{Name: "at", Type: record.Time}, {Name: "edition", Type: record.Integer}, {Name: "right", Type: record.Integer}, {Name: "of", Type: record.Integer},
				{Name: "score", Type: record.Integer}, {Name: "passed", Type: record.Bool}, {Name: "wrong", Type: record.Text, List: true},
			}},
			{Name: "answers", Type: record.Text, List: true, Fixed: true, Hidden: true, Help: "Said when handing in, and never kept."},
			{Name: "score", Title: "Score in percent", Type: record.Integer, Fixed: true},
			{Name: "edition", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "sha256", Title: "SHA-256 of the content", Type: record.Text, Fixed: true, Hidden: true, Help: "Of what was read."},
			{Name: "answered_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "answered_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "completion", Type: record.Ref, Refers: "training_completion", Fixed: true, Hidden: true, Indexed: true, Help: "Where it was shown elsewhere."},
			{Name: "completed_on", Type: record.Date, Fixed: true, Indexed: true},
			{Name: "ended_at", Type: record.Time, Fixed: true, Hidden: true},
		},
		States: assignmentMachine(), Guard: writeAssignment, Check: checkAssignment, Follows: afterAssignment,
	}
}

func assignmentMachine() *record.Machine {
	return &record.Machine{
		Initial: "assigned",
		Moves: []record.Move{
			// The state stays as it is: only what the answers were worth, which checkAssignment finds out, completes it.
			{Name: "hand_in", Title: "Hand in", From: []string{"assigned"}, By: "answered_by", At: "answered_at", Guard: own,
				Fields: []record.Field{{Name: "answers", Type: record.Text, List: true, Help: "One for each question, as QUESTION=NUMBER, such as q1=2. Nothing where the module asks nothing."}}},
			{Name: "recognise", Title: "Recognise", From: []string{"assigned"}, To: "completed", At: "ended_at", Job: true, Guard: jobOnly,
				Fields: []record.Field{{Name: "completion", Type: record.Ref, Refers: "training_completion", Required: true}}},
			{Name: "reopen", Title: "Reopen", From: []string{"completed"}, To: "assigned", At: "ended_at", Job: true, Guard: jobOnly},
			{Name: "void", Title: "Void", From: []string{"assigned"}, To: "void", At: "ended_at", Job: true, Guard: jobOnly},
		},
	}
}

// CompletionKind declares that somebody completed a module on a day, here or elsewhere. Nobody records their own.
func CompletionKind() record.Kind {
	return record.Kind{
		Name: "training_completion", Title: "Training completion", Plural: "Training completions", Group: "Program",
		Help: "That somebody completed a module on a day. Those taken here are written by Tickmark; those of another system are imported.",
		Fields: []record.Field{
			{Name: "module", Type: record.Ref, Refers: "training_module", Required: true, Indexed: true},
			{Name: "person", Type: record.Ref, Refers: "person", Required: true, Indexed: true},
			{Name: "on", Title: "Completed on", Type: record.Date, Required: true, Indexed: true},
			{Name: "result", Type: record.Choice, Required: true, Choices: []string{"passed", "attended", "failed"}, Help: "Attended is enough only for a module without questions; failed is kept and never counts."},
			{Name: "score", Title: "Score in percent", Type: record.Integer},
			{Name: "provider", Title: "Taken in", Type: record.Text, Required: true, Help: "The system or course it was taken in."},
			{Name: "reference", Type: record.Text, Hidden: true, Help: "Its number or link there."},
			{Name: "here", Title: "Taken here", Type: record.Bool, Fixed: true, Hidden: true},
			{Name: "topic", Type: record.Choice, Choices: Topics, Fixed: true, Indexed: true},
			{Name: "counts", Type: record.Bool, Fixed: true, Help: "Whether it is enough for the module."},
			{Name: "edition", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: record.StateField, Type: record.Choice, Choices: completionMachine().States(), Fixed: true, Indexed: true},
			{Name: "recorded_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "recorded_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "withdrawn_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "withdrawn_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "withdrawn_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: completionMachine(), Guard: writeCompletion, Check: checkCompletion, Follows: afterCompletion,
	}
}

func completionMachine() *record.Machine {
	return &record.Machine{
		Initial: "recorded", By: "recorded_by", At: "recorded_at", Frozen: []string{"recorded"},
		Moves: []record.Move{
			{Name: "withdraw", Title: "Withdraw", From: []string{"recorded"}, To: "withdrawn", By: "withdrawn_by", At: "withdrawn_at", Guard: withdraw,
				Fields: []record.Field{{Name: "withdrawn_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why it was wrong. It stays on record."}}},
		},
	}
}
