package guide

// templates is the table of the policies, each with the controls that carry it out.
func templates() []Template {
	return []Template{
		{ID: "information-security-policy", Title: "Information security policy", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"GOV-01", "GOV-02", "GOV-06", "GOV-08", "POL-01", "COM-01", "COM-02", "COM-03", "COM-04", "COM-05"}},
		{ID: "code-of-conduct", Title: "Code of conduct", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"GOV-03", "GOV-04", "GOV-05"}},
		{ID: "acceptable-use", Title: "Acceptable use", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"POL-02", "END-03", "END-04"}},
		{ID: "people-security", Title: "People security", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"HR-01", "HR-02", "HR-03", "AC-03", "AC-04"}},
		{ID: "training-and-awareness", Title: "Training and awareness", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"HR-04", "PRV-14"}},
		{ID: "access-control", Title: "Access control", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"AC-01", "AC-02", "AC-03", "AC-04", "AC-05", "AC-07", "AC-10", "AC-13"}},
		{ID: "authentication-and-password", Title: "Authentication and password", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"AC-06", "AC-08", "AC-12"}},
		{ID: "encryption-keys-and-secrets", Title: "Encryption, keys and secrets", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"CRY-01", "CRY-02", "CRY-03", "AC-09"}},
		{ID: "asset-and-device-management", Title: "Asset and device management", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"AST-01", "END-01", "PHY-03", "PHY-04"}},
		{ID: "network-security", Title: "Network security", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"NET-01", "NET-02", "NET-03", "NET-04", "NET-05"}},
		{ID: "secure-development", Title: "Secure development", Sort: "policy", Why: "Software is built.", Controls: []string{"CHG-01", "CHG-03", "CHG-04", "CHG-08", "CHG-09", "DAT-01"}},
		{ID: "change-management", Title: "Change management", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"CHG-02", "CHG-05", "CHG-06", "CHG-07"}},
		{ID: "data-classification-and-handling", Title: "Data classification and handling", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"AST-03", "CON-01", "DAT-01"}},
		{ID: "vulnerability-and-patch-management", Title: "Vulnerability and patch management", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"VUL-01", "VUL-02", "VUL-03", "MON-04"}},
		{ID: "logging-and-monitoring", Title: "Logging and monitoring", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"LOG-01", "LOG-02", "LOG-03", "LOG-04"}},
		{ID: "incident-response-plan", Title: "Incident response plan", Sort: "plan", Why: "Every examination asks for it.", Controls: []string{"INC-01", "INC-02", "INC-03", "INC-04", "INC-05", "INC-06"}},
		{ID: "business-continuity-and-disaster-recovery-plan", Title: "Business continuity and disaster recovery plan", Sort: "plan", Why: "Always; fuller with availability.", Controls: []string{"BCP-01", "BCP-02", "BCP-03", "AVL-03"}},
		{ID: "backup-and-restore", Title: "Backup and restore", Sort: "policy", Why: "Always; criteria with availability.", Controls: []string{"BKP-01", "BKP-02", "BKP-03"}},
		{ID: "vendor-management", Title: "Vendor management", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"VEN-01", "VEN-02", "VEN-03", "VEN-04", "VEN-05", "VEN-06", "PHY-02"}},
		{ID: "retention-and-disposal", Title: "Retention and disposal", Sort: "policy", Why: "Always; fuller with confidentiality or privacy.", Controls: []string{"CON-02", "CON-03", "PHY-04", "PRV-05"}},
		{ID: "privacy-policy", Title: "Privacy policy", Sort: "policy", Why: "Privacy in scope or personal data held.", Controls: []string{"PRV-01", "PRV-02", "PRV-03", "PRV-04", "PRV-05", "PRV-06", "PRV-07", "PRV-08", "PRV-09", "PRV-10", "PRV-11", "PRV-12", "PRV-13", "PRV-14"}, only: []string{"privacy"}},
		{ID: "breach-notification", Title: "Breach notification", Sort: "policy", Why: "Personal or customer data.", Controls: []string{"INC-06", "PRV-10"}},
		{ID: "risk-management", Title: "Risk management", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"RSK-01", "RSK-02", "RSK-03", "RSK-04", "RSK-05"}},
		{ID: "physical-security", Title: "Physical security", Sort: "policy", Why: "Offices or own rooms; else a short remote-work text.", Controls: []string{"PHY-01", "PHY-02"}},
		{ID: "policy-exception-and-compliance-monitoring", Title: "Policy, exception and compliance monitoring", Sort: "policy", Why: "Every examination asks for it.", Controls: []string{"POL-01", "POL-02", "POL-03", "POL-04", "MON-01", "MON-02", "MON-03", "MON-04", "MON-05", "GOV-07"}},
		{ID: "processing-integrity", Title: "Processing integrity", Sort: "policy", Why: "Processing integrity in scope.", Controls: []string{"PI-01", "PI-02", "PI-03", "PI-04", "PI-05", "PI-06"}, only: []string{"processing_integrity"}},
		{ID: "capacity-and-service-levels", Title: "Capacity and service levels", Sort: "policy", Why: "Availability in scope.", Controls: []string{"AVL-01", "AVL-02", "AVL-04"}, only: []string{"availability"}},
	}
}
