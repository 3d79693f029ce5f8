package expr_test

import (
	"testing"

	"tickmark/internal/expr"
)

var securityGroup = expr.Schema{Name: "group", Fields: []expr.Field{
	{Name: "id", Type: expr.Text}, {Name: "vpc", Type: expr.Text}, {Name: "tags", Type: expr.Object},
	{Name: "rules", Type: expr.Object, List: true, Fields: []expr.Field{
		{Name: "from", Type: expr.Integer}, {Name: "to", Type: expr.Integer}, {Name: "cidrs", Type: expr.Text, List: true}}},
}}

const groupBody = `{"id":"sg-0123456789","vpc":"vpc-1","description":"front end of the web tier","owner":"123456789012",
"tags":{"owner":"web@example.org","env":"prod"},"rules":[{"from":443,"to":443,"protocol":"tcp","cidrs":["0.0.0.0/0","10.0.0.0/8"]},
{"from":22,"to":22,"protocol":"tcp","cidrs":["10.0.0.0/8"]},{"from":8080,"to":8090,"protocol":"tcp","cidrs":["10.1.0.0/16"]}]}`

func BenchmarkEval(b *testing.B) {
	env, err := expr.NewEnv(securityGroup)
	if err != nil {
		b.Fatal(err)
	}
	for name, src := range map[string]string{
		"field":  `r.vpc == "vpc-1"`,
		"nested": `r.rules.all(x, x.from > 22 || x.to < 22 || !("0.0.0.0/0" in x.cidrs))`,
		"map":    `has(r.tags.owner) && r.tags.owner.endsWith("@example.org")`,
	} {
		p, err := expr.CompileTest(env, src)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/from bytes", func(b *testing.B) {
			b.ReportAllocs()
			var d expr.Doc
			for b.Loop() {
				if d.Parse([]byte(groupBody)) != nil || p.Eval(&d, nil).Answer != expr.True {
					b.Fatal("not true")
				}
			}
		})
		b.Run(name+"/parsed", func(b *testing.B) {
			b.ReportAllocs()
			d, _ := expr.Parse([]byte(groupBody))
			for b.Loop() {
				if p.Eval(d, nil).Answer != expr.True {
					b.Fatal("not true")
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	env, err := expr.NewEnv(securityGroup)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("environment", func(b *testing.B) {
		for b.Loop() {
			expr.NewEnv(securityGroup)
		}
	})
	b.Run("program", func(b *testing.B) {
		for b.Loop() {
			expr.Compile(env, `has(r.tags.owner) && r.tags.owner.endsWith("@example.org")`)
		}
	})
}
