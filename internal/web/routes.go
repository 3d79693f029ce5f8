package web

import (
	"net/http"

	"tickmark/internal/web/grants"
)

// route is one address. Open ones need nobody signed in.
type route struct {
	pattern string
	do      handler
	open    bool
}

// routes is every address there is. Pages are read with GET; what changes something is a POST that redirects to a page.
func (s *site) routes() []route {
	all := []route{
		{"GET /{$}", s.home, false},
		{"GET /criteria", s.criteria, false},
		{"GET /criteria/{id}", s.criterion, false},
		{"GET /criteria/{id}/{tab}", s.criterion, false},
		{"GET /effectiveness/{id}", s.effectCSV, false},
		{"GET /work", s.work, false},
		{"POST /notices/seen", s.noticesSeen, false},
		{"GET /evidence", s.evidence, false},
		{"GET /controls", s.controls, false},
		{"GET /controls/map", s.controlMap, false},
		{"GET /controls/{id}", s.control, false},
		{"GET /controls/{id}/{tab}", s.control, false},
		{"POST /controls/{id}/requirements", s.requireRule, false},
		{"GET /occurrences/{key}", s.occurrence, false},
		{"POST /occurrences/{key}", s.occurrenceDone, false},
		{"GET /catalogue", s.catalogue, false},
		{"POST /catalogue", s.adoptChosen, false},
		{"POST /catalogue/{id}", s.adopt, false},
		{"GET /checks", s.checks, false},
		{"GET /checks/{id}", s.check, false},
		{"GET /checks/{id}/{tab}", s.check, false},
		{"GET /commitments", s.commitments, false},
		{"GET /risks", s.risks, false},
		{"GET /risks/{tab}", s.risks, false},
		{"GET /systems", s.systems, false},
		{"GET /systems/{id}", s.system, false},
		{"GET /start", s.start, false},
		{"POST /start", s.startFollowing, false},
		{"GET /start/{step}", s.startStep, false},
		{"POST /start/{step}", s.startAnswer, false},
		{"GET /plan", s.planPage, false},
		{"GET /plan/tasks", s.planTaskList, false},
		{"POST /plan/tasks", s.planTasks, false},
		{"GET /findings", s.findings, false},
		{"GET /findings/{key}", s.finding, false},

		{"GET /people", s.people, false},
		{"GET /people/unresolved", s.unresolved, false},
		{"POST /people/unresolved", s.personAccount, false},
		{"GET /people/{id}", s.person, false},
		{"GET /policies", s.policies, false},
		{"GET /policies/new", s.policyNew, false},
		{"POST /policies/new", s.policyBegin, false},
		{"GET /policies/{id}", s.policyShown, false},
		{"GET /policies/{id}/pdf", s.policyPDF, false},
		{"GET /policies/{id}/{tab}", s.policyShown, false},
		{"POST /policies/{id}/edit", s.policySave, false},
		{"POST /policies/{id}/draft", s.policyDraft, false},
		{"POST /policies/{id}/review", s.policyReview, false},
		{"GET /me", s.mine, false},
		{"GET /me/training/{key}", s.learn, false},
		{"POST /me/training/{key}", s.learned, false},
		{"GET /me/access", s.myAccess, false},
		{"GET /me/report", s.report, false},
		{"POST /me/report", s.reported, false},
		{"GET /me/policies/{key}", s.duty, false},
		{"POST /me/policies/{key}", s.dutyDone, false},

		{"GET /records", s.kinds, false},
		{"GET /records/{kind}", s.records, false},
		{"GET /records/{kind}/{key}", s.record, false},
		{"GET /records/{kind}/{key}/{tab}", s.record, false},
		{"GET /records/{kind}/{key}/bytes", s.recordBytes, false},
		{"GET /records/{kind}/{key}/answers/{n}", s.recordAnswer, false},
		{"GET /records/{kind}/{key}/file", s.file, false},
		{"GET /records/{kind}/{key}/edit", s.recordEdit, false},
		{"POST /records/{kind}/{key}/edit", s.recordSave, false},
		{"POST /records/{kind}/{key}/move/{move}", s.recordMove, false},
		{"POST /records/{kind}/{key}/comments", s.recordComment, false},
		{"POST /records/{kind}/{key}/attachments", s.recordAttach, false},
		{"POST /bulk/{kind}", s.bulk, false},
		{"POST /undo", s.undone, false},
		{"POST /views", s.viewSave, false},
		{"POST /views/{key}/remove", s.viewRemove, false},
		{"GET /import", s.importKinds, false},
		{"GET /import/{kind}", s.importBegin, false},
		{"POST /import/{kind}", s.importLook, false},
		{"GET /new/{kind}", s.recordNew, false},
		{"POST /new/{kind}", s.recordCreate, false},

		{"GET /sources", s.sources, false},
		{"GET /connect", s.sourceKinds, false},
		{"GET /connect/{connector}", s.sourceNew, false},
		{"POST /connect/{connector}", s.sourceSave, false},
		{"GET /sources/{name}", s.source, false},
		{"GET /sources/{name}/edit", s.sourceEdit, false},
		{"POST /sources/{name}/edit", s.sourceSave, false},
		{"POST /sources/{name}/remove", s.sourceRemove, false},
		{"POST /sources/{name}/webhook", s.sourceHook, false},
		{"POST /sources/{name}/machine", s.sourceMachine, false},
		{"POST /sources/{name}/token", s.sourceToken, false},
		{"POST /sources/{name}/collect", s.sourceCollect, false},
		{"POST /sources/{name}/try", s.sourceTry, false},
		{"GET /sources/{name}/secret", s.sourceSecret, false},
		{"POST /sources/{name}/secret", s.sourceSecretTry, false},
		{"GET /trials/{id}", s.trial, false},
		{"POST /trials/{id}/stop", s.trialStop, false},
		{"POST /trials/{id}/keep", s.trialKeep, false},
		{"GET /sources/{name}/runs/{run}", s.run, false},
		{"GET /sources/{name}/runs/{run}/changed/{kind}", s.runChanged, false},
		{"GET /ledger", s.ledger, false},
		{"GET /reports", s.reports, false},
		{"POST /reports", s.reportMake, false},
		{"GET /reports/readiness", s.readiness, false},
		{"GET /reports/readiness.json", s.readinessJSON, false},
		{"GET /reports/document.css", s.documentCSS, true},
		{"GET /search", s.search, false},
		{"GET /manual", s.manualIndex, false},
		{"GET /manual/{page...}", s.manualPage, false},

		{"GET /settings", s.settingsIndex, false},
		{"GET /settings/organisation", s.settingsOrganisation, false},
		{"GET /settings/checks", s.settingsChecks, false},
		{"GET /settings/checks/{id}/preview", s.settingsCheckPreview, false},
		{"POST /settings/checks/{id}", s.settingsCheckSave, false},
		{"GET /settings/jobs", s.jobs, false},
		{"POST /settings/jobs/{id}/stop", s.jobStop, false},
		{"GET /settings/retention", s.retention, false},
		{"POST /settings/retention", s.retentionSet, false},
		{"POST /settings/retention/end", s.retentionEnd, false},
		{"GET /settings/version", s.settingsVersion, false},
		{"GET /settings/history", s.settingsHistory, false},
		{"GET /settings/users", s.users, false},
		{"POST /settings/users", s.userAdd, false},
		{"POST /settings/users/{key}/link", s.userLink, false},
		{"POST /settings/users/{key}/roles", s.userRoles, false},
		{"POST /settings/users/{key}/person", s.userPerson, false},
		{"POST /settings/users/{key}/disabled", s.userDisabled, false},
		{"POST /settings/users/{key}/sign-out", s.userSignOut, false},
		{"GET /settings/tokens", s.tokens, false},
		{"POST /settings/tokens", s.tokenAdd, false},
		{"POST /settings/tokens/{id}/revoke", s.tokenRevoke, false},
		{"GET /settings/me", s.me, false},
		{"POST /settings/me/person", s.mePerson, false},
		{"POST /settings/passkeys/{id}/remove", s.passkeyRemove, false},

		{"GET /as-of", s.turn, false},
		{"POST /theme", s.theme, true},

		{"GET /calendar/{token}", s.calendarFeed, true},

		{"GET /sign-in", s.signIn, true},
		{"POST /sign-in", s.signInByPassword, true},
		{"POST /sign-in/passkey/begin", s.passkeyBegin, true},
		{"POST /sign-in/passkey/finish", s.passkeyFinish, true},
		{"GET /sign-in/link", s.link, true},
		{"POST /sign-in/link", s.linkUse, true},
		{"GET /sign-in/enrol", s.enrol, false},
		{"POST /sign-in/enrol/passkey/begin", s.enrolPasskeyBegin, false},
		{"POST /sign-in/enrol/passkey/finish", s.enrolPasskeyFinish, false},
		{"GET /sign-in/enrol/password", s.enrolPassword, false},
		{"POST /sign-in/enrol/password", s.enrolPasswordSet, false},
		{"POST /sign-out", s.signOut, false},

		{grants.Received, s.grants.Receive, true},
		{"GET /", s.nothing, false},
	}
	for _, room := range s.rooms() {
		for pattern, do := range room {
			all = append(all, route{pattern, do, false})
		}
	}
	return all
}

// nothing answers addresses that are none.
func (s *site) nothing(_ http.ResponseWriter, r *http.Request) error { return noPage(r) }
