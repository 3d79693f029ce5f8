// Writes the licences of what esbuild put into the bundle: all of them are MIT, and anything else stops the build.
import { readFileSync, readdirSync, existsSync } from 'node:fs';

const meta = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const packages = new Map();
for (const file of Object.keys(meta.inputs)) {
  const found = [...file.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].at(-1);
  if (found) packages.set(file.slice(0, found.index + found[0].length), found[1]);
}
const lines = [];
for (const dir of packages.keys()) {
  const about = JSON.parse(readFileSync(`${dir}/package.json`, 'utf8'));
  if (about.license !== 'MIT') throw new Error(`${about.name} is under ${about.license}`);
  const name = readdirSync(dir).find(f => /^(licen[cs]e|copying)/i.test(f));
  const text = name && existsSync(`${dir}/${name}`) ? readFileSync(`${dir}/${name}`, 'utf8') : '';
  const holder = text.match(/^.*copyright.*\d{4}.*$/im)?.[0].trim() ?? `Copyright ${typeof about.author === 'string' ? about.author : about.author?.name ?? 'its authors'}`;
  lines.push(`${about.name} ${about.version}: ${holder.replace(/^[(*#\s]+/, '')}`);
}
const mit = readFileSync('node_modules/@milkdown/kit/LICENSE', 'utf8').replace(/^[\s\S]*?Permission is/, 'Permission is').trim();
console.log(`milkdown.js bundles these packages, all under the MIT licence:\n\n${[...new Set(lines)].sort().join('\n')}\n\n${mit}`);
