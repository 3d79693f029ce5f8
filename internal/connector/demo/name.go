package demo

// The names are made up and put together by chance. Given and family names were chosen so that no pair is the name of anybody
// known; addresses are under example.com, which belongs to nobody.
var givenNames = []string{
	"Alder", "Ambry", "Bexley", "Birkin", "Bryony", "Calder", "Caro", "Corrin", "Dessa", "Dovey", "Edda", "Elspie", "Fenna", "Florin", "Garnet", "Gwill",
	"Hadley", "Hesper", "Ilka", "Isolt", "Jessamy", "Jorin", "Kestrel", "Kitto", "Larkin", "Linnet", "Maren", "Merrin", "Nerys", "Nivelle", "Oakley", "Odile",
	"Perrin", "Petra", "Quill", "Quenby", "Rowan", "Rill", "Sable", "Senna", "Tamsin", "Teasel", "Umber", "Ursel", "Vesper", "Vianne", "Wren", "Wilmot", "Yarrow", "Zinnia",
}

var familyNames = []string{
	"Applethwick", "Ashenbrook", "Barleymow", "Brackenfold", "Candlewick", "Cobblemere", "Dapplewood", "Dunnockridge", "Emberley-Finch", "Eiderhollow", "Fallowmere", "Fernibank",
	"Gorsewater", "Greengage", "Harebellow", "Hollowtree", "Inglefern", "Ivorydale", "Juniperley", "Jackdawson", "Kelpshore", "Kingcupley", "Lanternby", "Lichenstow",
	"Marshgillow", "Mistlethwaite", "Nettlecombe-Vale", "Nutmegley", "Otterbourne-Hay", "Oxlipton", "Pebblecroft", "Primrosely", "Quillfeather", "Quincewater", "Reedmaceby", "Ripplestone",
	"Samphireton", "Sorrelhythe", "Teaselwick", "Thistledene", "Underfern", "Umbelford", "Vetchingham", "Violetmoor", "Wagtailby", "Whortleby", "Yaffleton", "Yarrowgate", "Zephyrley", "Zigzagmoor",
}
