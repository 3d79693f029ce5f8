package result

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/connector"
)

// The formats of test reports and of device logs: JUnit, osquery.

// junit makes a test run of each suite that stands on the outside; the suites within are counted with it.
func junit(f *File) *format {
	fm := &format{name: "junit", title: "JUnit", tool: "junit", kinds: []string{testRun}}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		type run struct {
			name                     string
			at                       time.Time
			tests, failures, skipped int
			seconds                  float64
			failed                   []string
		}
		var runs []*run
		byName := map[string]*run{}
		var current *run
		err := elements(f, r, map[string]func(*xml.Decoder, xml.StartElement) error{
			"testsuite": func(_ *xml.Decoder, e xml.StartElement) error {
				name := first(attribute(e, "name"), f.o.Target, "tests")
				if current = byName[name]; current == nil {
					current = &run{name: name, at: moment(attribute(e, "timestamp"))}
					byName[name] = current
					runs = append(runs, current)
				}
				return nil
			},
			"testcase": func(d *xml.Decoder, e xml.StartElement) error {
				var x struct {
					Failure *struct{} `xml:"failure"`
					Error   *struct{} `xml:"error"`
					Skipped *struct{} `xml:"skipped"`
				}
				if err := d.DecodeElement(&x, &e); err != nil {
					return err
				}
				if current == nil {
					return f.wrong(d.InputOffset(), "a test case stands in no suite")
				}
				current.tests++
				s, _ := strconv.ParseFloat(attribute(e, "time"), 64)
				current.seconds += s
				switch {
				case x.Failure != nil || x.Error != nil:
					current.failures++
					if len(current.failed) < 1000 {
						current.failed = append(current.failed, strings.TrimPrefix(attribute(e, "classname")+"."+attribute(e, "name"), "."))
					}
				case x.Skipped != nil:
					current.skipped++
				}
				return nil
			},
		})
		if err != nil {
			return err
		}
		if len(runs) == 0 {
			return f.wrong(0, "it holds no test suite")
		}
		for _, x := range runs {
			at := cmp.Or(x.at, f.o.At)
			body := map[string]any{"suite": x.name, "at": stamp(at), "tests": x.tests, "failed": x.failures, "skipped": x.skipped, "seconds": float64(int(x.seconds*1000)) / 1000, "ok": x.failures == 0 && x.tests > x.skipped}
			if len(x.failed) > 0 {
				body["failures"] = x.failed
			}
			raw, err := json.Marshal(body)
			if err != nil {
				return err
			}
			if err := f.add(found{kind: testRun, key: fmt.Sprintf("%s@%s", x.name, at.UTC().Format(time.RFC3339)), label: x.name, target: first(f.o.Target, x.name), at: at, occurred: at, raw: raw, body: body}, 0, out); err != nil {
				return err
			}
		}
		return nil
	}
	return fm
}

// osquery reads the result log (snapshots, differentials, batches) of osqueryd: https://osquery.readthedocs.io/en/stable/deployment/logging/.
// A device is what the last snapshot of each query says of it. What a differential log says of states is not taken: without its
// beginning it does not say what stands; only file events are.
func osquery(f *File) *format {
	type event struct {
		Name     string
		Host     string `json:"hostIdentifier"`
		Time     text   `json:"unixTime"`
		Snapshot []map[string]text
		Columns  map[string]text
		Action   string
		Diff     *struct{ Added, Removed []map[string]text } `json:"diffResults"`
		Extra    struct {
			HostUUID string `json:"host_uuid"`
			Hostname string
		} `json:"decorations"`
	}
	type device struct {
		at   time.Time
		body map[string]any
		seen map[string]time.Time
	}
	fm := &format{name: "osquery", title: "osquery", tool: "osquery", many: false}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		devices := map[string]*device{}
		var names []string
		err := walk(f, r, map[string]func([]byte, int64) error{"[]": func(raw []byte, at int64) error {
			var x event
			if err := take(f, raw, at, &x); err != nil {
				return err
			}
			n, err := strconv.ParseInt(string(x.Time), 10, 64)
			if err != nil || x.Host == "" {
				return f.wrong(at, "an entry has no hostIdentifier or no unixTime")
			}
			when := time.Unix(n, 0).UTC()
			if x.Columns != nil && strings.Contains(x.Name, "file_events") {
				if x.Action != "added" {
					return nil
				}
				id := first(string(x.Columns["eid"]), string(x.Columns["transaction_id"]))
				if s, err := strconv.ParseInt(string(x.Columns["time"]), 10, 64); err == nil {
					when = time.Unix(s, 0).UTC()
				}
				return f.add(found{kind: RowKind, key: fmt.Sprintf("%s/%s/%d/%s", x.Columns["target_path"], x.Columns["action"], when.Unix(), id), label: string(x.Columns["target_path"]), target: x.Host, at: when, occurred: when, raw: raw,
					body: map[string]any{"host": x.Host, "path": string(x.Columns["target_path"]), "action": string(x.Columns["action"]), "at": stamp(when), "file_sha256": string(x.Columns["sha256"]), "category": string(x.Columns["category"])}}, at, out)
			}
			if x.Snapshot == nil {
				return nil
			}
			d := devices[x.Host]
			if d == nil {
				d = &device{body: map[string]any{"name": first(x.Extra.Hostname, x.Host)}, seen: map[string]time.Time{}}
				devices[x.Host] = d
				names = append(names, x.Host)
			}
			d.at = latest(d.at, when)
			if when.Before(d.seen[x.Name]) {
				return nil
			}
			d.seen[x.Name] = when
			describe(d.body, x.Name, x.Snapshot)
			return nil
		}})
		if err != nil {
			return err
		}
		slices.Sort(names)
		for _, host := range names {
			d := devices[host]
			d.body["last_seen"] = stamp(d.at)
			raw, err := json.Marshal(d.body)
			if err != nil {
				return err
			}
			if err := f.add(found{kind: DeviceKind, key: host, label: fmt.Sprint(d.body["name"]), target: host, at: d.at, raw: bytes.Clone(raw), body: d.body}, 0, out); err != nil {
				return err
			}
		}
		return nil
	}
	return fm
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// describe takes what a snapshot of one of osquery's tables says of a device. Queries are named after their table, alone or with
// a pack before it: pack/it-compliance/disk_encryption.
func describe(body map[string]any, query string, rows []map[string]text) {
	name := query[strings.LastIndexAny(query, "/_")+1:]
	is := func(table string) bool {
		return query == table || strings.HasSuffix(query, "/"+table) || strings.HasSuffix(query, "_"+table)
	}
	one := map[string]text{}
	if len(rows) > 0 {
		one = rows[0]
	}
	switch {
	case is("os_version") && len(rows) > 0:
		body["os"], body["os_version"] = string(one["name"]), string(one["version"])
	case is("system_info") && len(rows) > 0:
		body["name"] = first(string(one["computer_name"]), string(one["hostname"]))
	case is("disk_encryption") && len(rows) > 0: // every disk that it tells of
		body["encrypted"] = !slices.ContainsFunc(rows, func(r map[string]text) bool { return r["encrypted"] != "1" })
	case is("bitlocker_info") && len(rows) > 0:
		body["encrypted"] = !slices.ContainsFunc(rows, func(r map[string]text) bool { return r["protection_status"] != "1" })
	case is("alf") && len(rows) > 0:
		body["firewall"] = one["global_state"] != "0" && one["global_state"] != ""
	case is("windows_security_center") && len(rows) > 0:
		body["firewall"] = one["firewall"] == "Good"
	case (is("screenlock") || name == "screenlock") && len(rows) > 0:
		body["screen_lock"] = one["enabled"] == "1"
		if n, err := strconv.ParseInt(string(one["grace_period"]), 10, 64); err == nil && n >= 0 {
			body["screen_lock_delay"] = n
		}
	case is("usb_devices"):
		list := []string{}
		for _, r := range rows {
			if r["removable"] == "1" {
				list = append(list, strings.TrimSpace(string(r["vendor"])+" "+string(r["model"])))
			}
		}
		slices.Sort(list)
		body["removable"], body["removable_devices"] = len(list) > 0, list
	}
}
