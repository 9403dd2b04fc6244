// The pages that are written by hand. On the site they lie elsewhere than in the package, so their links are made new:
// to the page, to the reference for types, to a page with the code of a program.

import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, extname, join, posix } from 'node:path'
import { entries, pages, root } from './places.mjs'

/** Pages that do not lie in docs/. @type {Record<string, string>} */
const others = {
  'README.md': 'index.md',
  'examples/README.md': 'examples/index.md',
  'bench/README.md': 'benchmarks.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'security-policy.md',
}

/** Writes them. */
export async function guide() {
  /** What is still to be written, by its place in the package. */
  const open = [...(await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md'))]
    .map((name) => `docs/${name}`)
    .concat(Object.keys(others))
  const done = new Set(open)
  for (const path of open) {
    const text = await page(path, (linked) => {
      if (!done.has(linked)) open.push(linked)
      done.add(linked)
    })
    const file = join(pages, place(path))
    await mkdir(dirname(file), { recursive: true })
    // What llms.txt says of it.
    const about = path.endsWith('.md')
      ? `---\ndescription: ${JSON.stringify(description(text))}\n---\n\n`
      : ''
    await writeFile(file, about + text)
  }
  await cp(join(root, 'docs/images'), join(pages, 'public/images'), { recursive: true })
}

/**
 * @param {string} text of a page
 * @returns {string} what it says of itself: its first sentences, in plain words
 */
function description(text) {
  const paragraph = text.split('\n\n').find((part) => /^[^#|`<-]|^`[^`]/.test(part)) ?? ''
  const plain = paragraph
    .replace(/\n/g, ' ')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]/g, '')
  return /^.{60,}?[.:?](?= |$)|^.*$/.exec(plain)?.[0].replace(/:$/, '.') ?? ''
}

/**
 * @param {string} path in the package
 * @returns {string} in the site
 */
function place(path) {
  if (path in others) return others[path] ?? ''
  const entry = entries[path]
  if (entry !== undefined)
    return `reference/${dirname(path) === '.' ? 'index' : path.replace(/(\/index)?\.d\.ts$/, '')}/index.md`
  if (/^docs\/[^/]+\.md$/.test(path)) return path.slice('docs/'.length)
  // Without dots: what ends in .html would count as a page.
  return `files/${path.replace(/\.md$/, '').replaceAll('.', '-')}.md`
}

/**
 * @param {string} path
 * @param {(path: string) => void} linked is told what the page leads to
 * @returns {Promise<string>} the page of it
 */
async function page(path, linked) {
  const file = join(root, path)
  if ((await stat(file)).isDirectory()) {
    const names = (await readdir(file, { withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
    return rewritten(
      path,
      `# ${path}\n\n${names.map((name) => `- [${name}](${basename(path)}/${name})`).join('\n')}\n`,
      linked,
    )
  }
  const text = await readFile(file, 'utf8')
  if (path.endsWith('.md')) return rewritten(path, text, linked)
  const language = {
    '.mjs': 'js',
    '.ts': 'ts',
    '.tsx': 'tsx',
    '.html': 'html',
    '.json': 'json',
    '.css': 'css',
  }[extname(path)]
  return `# ${path}\n\n\`\`\`\`${language ?? 'txt'}\n${text}\`\`\`\`\n`
}

/**
 * @param {string} from the page
 * @param {string} text
 * @param {(path: string) => void} linked
 */
function rewritten(from, text, linked) {
  /** @param {string} target */
  const link = (target) => {
    if (/^(\w+:|#)/.test(target)) return target
    const [file = '', anchor] = target.split('#')
    const path = posix.join(posix.dirname(from), file).replace(/\/$/, '')
    if (!existsSync(join(root, path))) throw new Error(`${from}: ${target} is not there`)
    if (/^docs\/images\//.test(path)) return `/${path.slice('docs/'.length)}`
    if (!(path in entries)) linked(path)
    return `/${place(path)}${anchor === undefined ? '' : `#${anchor}`}`
  }
  const parts = text.split(/(^```.*?^```$)/gms)
  const made = parts.map((part) => {
    if (part.startsWith('```')) return part.replace(/^```cjs/, '```js')
    return part
      .replace(/(\]\()([^)\s]+)(\))/g, (_, before, target, after) => before + link(target) + after)
      .replace(
        /<picture>.*?srcset="([^"]+)".*?<img alt="([^"]*)" src="([^"]+)">\s*<\/picture>/gs,
        (_, dark, alt, light) =>
          [
            [light, 'light-only'],
            [dark, 'dark-only'],
          ]
            .map(([source, scheme]) => `<img class="${scheme}" alt="${alt}" src="${link(source)}">`)
            .join(''),
      )
  })
  return made.join('')
}
