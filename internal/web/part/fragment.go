package part

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

// Fragment marks what a script may ask for alone. It differs from templ's own in that parts inside do not inherit its
// children, which would draw them twice.
func Fragment(name string) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		inside := templ.GetChildren(ctx)
		alone := templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
			return inside.Render(templ.ClearChildren(ctx), w)
		})
		return templ.Fragment(name).Render(templ.WithChildren(templ.ClearChildren(ctx), alone), w)
	})
}
