package sample

import (
	"fmt"
	"math/big"
	"sort"
	"strconv"
	"strings"
)

// Rate is a share of a whole in parts per million, so that sizes and limits are reckoned in whole numbers and are the same on
// every machine: 5 percent is 50,000.
type Rate int64

// Percent makes a rate of whole percents.
const Percent Rate = 10_000

const whole = 100 * Percent

func (r Rate) String() string {
	s := strconv.FormatFloat(float64(r)/float64(Percent), 'f', 4, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + "%"
}

// Bounds of what is reckoned; beyond them a sample is no sample.
const (
	maxSize    = 20_000
	maxPlanned = 200
)

// Assurance is what a statistical sample is to show: with the confidence, that the true rate of deviation is not above the
// tolerable one.
type Assurance struct {
	Confidence Rate `json:"confidence"`
	Tolerable  Rate `json:"tolerable"`
}

func (a Assurance) check() error {
	if a.Confidence < 50*Percent || a.Confidence >= whole {
		return fmt.Errorf("a confidence of %s cannot be planned for; it is at least 50%% and less than 100%%", a.Confidence)
	}
	if a.Tolerable <= 0 || a.Tolerable >= whole {
		return fmt.Errorf("a tolerable rate of %s cannot be planned for; it is more than 0%% and less than 100%%", a.Tolerable)
	}
	return nil
}

// SizeFor is the least number of items of a large population (binomial) that shows it when at most planned of them deviate:
// were the true rate the tolerable one, so few would be seen with a chance of no more than 1 minus the confidence.
func (a Assurance) SizeFor(planned int) (int, error) {
	if err := a.check(); err != nil {
		return 0, err
	}
	if planned < 0 || planned > maxPlanned {
		return 0, fmt.Errorf("%d planned deviations are outside 0 to %d", planned, maxPlanned)
	}
	n := planned + 1 + sort.Search(maxSize-planned, func(i int) bool {
		return rare(binomial(planned+1+i, planned, a.Tolerable), a.Confidence)
	})
	if n > maxSize {
		return 0, fmt.Errorf("a tolerable rate of %s needs more than %d items", a.Tolerable, maxSize)
	}
	return n, nil
}

// SizeFrom is the same for a population of a given number of rows (hypergeometric): were one more of them to deviate than is
// tolerable. Of a population so small that all have to be tested, it is all.
func (a Assurance) SizeFrom(population, planned int) (int, error) {
	if err := a.check(); err != nil {
		return 0, err
	}
	if population < 1 {
		return 0, fmt.Errorf("nothing can be sampled from %d rows", population)
	}
	bad := int(int64(population)*int64(a.Tolerable)/int64(whole)) + 1
	if planned < 0 || planned >= bad || planned > maxPlanned {
		return 0, fmt.Errorf("%d planned deviations of %d rows are more than a tolerable rate of %s allows", planned, population, a.Tolerable)
	}
	n := planned + 1 + sort.Search(min(population, maxSize+1)-planned-1, func(i int) bool {
		return rare(hypergeometric(population, bad, planned+1+i, planned), a.Confidence)
	})
	if n > maxSize {
		return 0, fmt.Errorf("a tolerable rate of %s needs more than %d items", a.Tolerable, maxSize)
	}
	return n, nil
}

// Size plans for an expected rate of deviation: the least size, and the deviations c planned for, such that the expected rate
// of the size is no more than c. The population is large when 0 is given.
func (a Assurance) Size(population int, expected Rate) (n, c int, err error) {
	if expected < 0 || expected >= a.Tolerable {
		return 0, 0, fmt.Errorf("an expected rate of %s is not below the tolerable %s: no sample can show it", expected, a.Tolerable)
	}
	for c = range maxPlanned + 1 {
		if population == 0 {
			n, err = a.SizeFor(c)
		} else {
			n, err = a.SizeFrom(population, c)
		}
		if err != nil {
			return 0, 0, err
		}
		if int64(n)*int64(expected) <= int64(c)*int64(whole) {
			return n, c, nil
		}
	}
	return 0, 0, fmt.Errorf("an expected rate of %s is so near the tolerable %s that more than %d deviations would have to be planned for", expected, a.Tolerable, maxPlanned)
}

// Limits are the upper limits on deviations, one-sided, that hold with the confidence.
type Limits struct {
	Confidence Rate `json:"confidence"`
	Rate       Rate `json:"rate"`       // of a large population (binomial, exact), rounded up
	Deviations int  `json:"deviations"` // the most that this population may hold (hypergeometric, exact)
	Population int  `json:"population"`
}

// Limit gives the upper limits after results: of the items that one stage tested, some deviate. It refuses whatever was not one
// simple random selection: no confidence can be stated for it. After an extension none can either, because whether there was
// one depended on the first results.
func Limit(stages []Stage, population, deviations int, confidence Rate) (Limits, error) {
	if len(stages) != 1 {
		return Limits{}, fmt.Errorf("limits are stated for one draw, and this sample has %d: whether it was extended depended on what was found", len(stages))
	}
	if ok, why := stages[0].Plan.Statistical(); !ok {
		return Limits{}, fmt.Errorf("no limits are stated: %s", why)
	}
	n := len(stages[0].Tested())
	if n != stages[0].Plan.Size {
		return Limits{}, fmt.Errorf("no limits are stated: the plan has %d items, and %d were drawn", stages[0].Plan.Size, n)
	}
	return limits(population, n, deviations, confidence)
}

func limits(population, n, deviations int, confidence Rate) (Limits, error) {
	if err := (Assurance{confidence, Percent}).check(); err != nil {
		return Limits{}, err
	}
	if n < 1 || n > maxSize || n > population || deviations < 0 || deviations > n {
		return Limits{}, fmt.Errorf("%d deviations among %d items of %d rows have no limits", deviations, n, population)
	}
	l := Limits{Confidence: confidence, Population: population}
	l.Rate = Rate(sort.Search(int(whole), func(r int) bool { return rare(binomial(n, deviations, Rate(r)), confidence) }))
	l.Deviations = deviations + sort.Search(population-n, func(i int) bool { return rare(hypergeometric(population, deviations+i+1, n, deviations), confidence) })
	return l, nil
}

// chance is a probability as a fraction of whole numbers.
type chance struct{ of, all *big.Int }

// rare says whether a chance is no more than 1 minus the confidence.
func rare(c chance, confidence Rate) bool {
	left := new(big.Int).Mul(c.of, big.NewInt(int64(whole)))
	return left.Cmp(new(big.Int).Mul(c.all, big.NewInt(int64(whole-confidence)))) <= 0
}

// binomial is the chance of at most k deviations among n when each deviates at the rate.
func binomial(n, k int, rate Rate) chance {
	d := new(big.Int).GCD(nil, nil, big.NewInt(int64(rate)), big.NewInt(int64(whole)))
	all := new(big.Int).Div(big.NewInt(int64(whole)), d)
	bad := new(big.Int).Div(big.NewInt(int64(rate)), d)
	good := new(big.Int).Sub(all, bad)
	// Of the sum over i of C(n,i) bad^i good^(n-i), good^(n-k) stands in every term: what is left is a polynomial in good.
	sum, term := new(big.Int), big.NewInt(1) // term is C(n,i) bad^i
	for i := 0; ; i++ {
		sum.Add(sum, term)
		if i == k {
			break
		}
		sum.Mul(sum, good)
		term.Mul(term, big.NewInt(int64(n-i)))
		term.Mul(term, bad)
		term.Div(term, big.NewInt(int64(i+1)))
	}
	power := func(x *big.Int, n int) *big.Int { return new(big.Int).Exp(x, big.NewInt(int64(n)), nil) }
	return chance{sum.Mul(sum, power(good, n-k)), power(all, n)}
}

// hypergeometric is the chance of at most k deviations among n of a population of which bad deviate.
func hypergeometric(population, bad, n, k int) chance {
	choose := func(n, k int) *big.Int { return new(big.Int).Binomial(int64(n), int64(k)) }
	good := population - bad
	sum, least, most := new(big.Int), max(0, n-good), min(k, n, bad)
	if least > most {
		return chance{sum, big.NewInt(1)}
	}
	term := new(big.Int).Mul(choose(bad, least), choose(good, n-least)) // C(bad,i) C(good,n-i)
	for i := least; ; i++ {
		sum.Add(sum, term)
		if i == most {
			break
		}
		term.Mul(term, big.NewInt(int64(bad-i)*int64(n-i)))
		term.Div(term, big.NewInt(int64(i+1)*int64(good-n+i+1)))
	}
	return chance{sum, choose(population, n)}
}
