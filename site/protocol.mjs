// The methods of the protocol, a page for each group of them (`thread/...`, `turn/...`), with the types as they stand in
// protocol.d.ts. A type that one group alone needs is on the page of that, the others have a page together.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import ts from 'typescript'
import { root } from './places.mjs'

/** What is a list of methods, and what it is called. */
const lists = {
  ClientRequests: 'Request',
  ServerRequests: 'Request from the server',
  ServerNotifications: 'Notification',
  ClientNotifications: 'Notification to the server',
}

/** @returns {Promise<Map<string, string[]>>} by the method of the wire, links to what sends it: comments say so (`Wire: ...`) */
async function callers() {
  const text = await readFile(join(root, 'index.d.ts'), 'utf8')
  const source = ts.createSourceFile('index.d.ts', text, ts.ScriptTarget.Latest, true)
  /** @type {Map<string, string[]>} */
  const found = new Map()
  const classes = new Set(source.statements.filter(ts.isClassDeclaration).map(({ name }) => name?.text))
  for (const declaration of source.statements) {
    // An interface of the same name adds to a class.
    if (!ts.isClassDeclaration(declaration) && !ts.isInterfaceDeclaration(declaration)) continue
    const owner = declaration.name?.text ?? ''
    if (!classes.has(owner)) continue
    for (const member of declaration.members) {
      if (!ts.isMethodDeclaration(member) && !ts.isMethodSignature(member)) continue
      const comment = text.slice(member.getFullStart(), member.getStart())
      const name = member.name.getText()
      const link = `[\`${owner}.${name}()\`](/reference/index/classes/${owner}.md#${name.toLowerCase()})`
      const wire = comment.match(/Wire: [^.]*/)?.[0] ?? ''
      for (const [, method = ''] of wire.matchAll(/`([\w/]+)`/g)) {
        const known = found.get(method) ?? []
        if (!known.includes(link)) found.set(method, [...known, link])
      }
    }
  }
  return found
}

/** @param {string} out the folder for it */
export async function protocol(out) {
  const text = await readFile(join(root, 'protocol.d.ts'), 'utf8')
  const source = ts.createSourceFile('protocol.d.ts', text, ts.ScriptTarget.Latest, true)
  /** @type {Map<string, ts.InterfaceDeclaration | ts.TypeAliasDeclaration>} */
  const types = new Map()
  for (const statement of source.statements) {
    if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement))
      types.set(statement.name.text, statement)
  }
  /** @param {ts.Node} node @returns {Set<string>} the types that it names */
  const named = (node) => {
    /** @type {Set<string>} */
    const found = new Set()
    /** @param {ts.Node} child */
    const visit = (child) => {
      if (
        ts.isTypeReferenceNode(child) &&
        ts.isIdentifier(child.typeName) &&
        types.has(child.typeName.text)
      ) {
        found.add(child.typeName.text)
      }
      ts.forEachChild(child, visit)
    }
    ts.forEachChild(node, visit)
    return found
  }

  /** @type {Map<string, { method: string, kind: string, node: ts.PropertySignature }[]>} */
  const groups = new Map()
  for (const [list, kind] of Object.entries(lists)) {
    const declaration = types.get(list)
    if (declaration === undefined || !ts.isInterfaceDeclaration(declaration))
      throw new Error(`no ${list} in protocol.d.ts`)
    for (const node of declaration.members) {
      if (!ts.isPropertySignature(node)) throw new Error(`${list} has what is no property`)
      const method = ts.isStringLiteral(node.name) ? node.name.text : node.name.getText()
      const group = method.includes('/') ? (method.split('/')[0] ?? '') : 'general'
      groups.set(group, [...(groups.get(group) ?? []), { method, kind, node }])
    }
  }

  /** The groups that need a type. @type {Map<string, Set<string>>} */
  const users = new Map()
  for (const [group, methods] of groups) {
    /** @param {ts.Node} node */
    const walk = (node) => {
      for (const name of named(node)) {
        const known = users.get(name) ?? new Set()
        users.set(name, known)
        if (known.has(group)) continue
        known.add(group)
        walk(types.get(name) ?? node)
      }
    }
    for (const { node } of methods) walk(node)
  }
  /** @param {string} name */
  const home = (name) => {
    const [first, ...more] = users.get(name) ?? []
    return first === undefined || more.length > 0 ? 'types' : first
  }
  /** @param {string} name @param {string} from the page */
  const link = (name, from) =>
    `[\`${name}\`](${home(name) === from ? '' : `./${home(name)}.md`}#${name.toLowerCase()})`
  /** @param {string} name @param {string} page */
  const typeSection = (name, page) => {
    const declaration = types.get(name)
    if (declaration === undefined) throw new Error(`no type ${name}`)
    const uses = [...named(declaration)].map((other) => link(other, page))
    return [
      `### ${name}`,
      `\`\`\`ts\n${declaration.getText()}\n\`\`\``,
      ...(uses.length > 0 ? [uses.join(', ')] : []),
    ].join('\n\n')
  }

  /**
   * What goes with a method: a notification has params alone.
   *
   * @param {ts.PropertySignature} node
   * @param {string} page
   */
  const said = ({ type }, page) => {
    const members =
      type !== undefined && ts.isTypeLiteralNode(type) ? type.members.filter(ts.isPropertySignature) : []
    /** @type {[string, ts.TypeNode | undefined][]} */
    const parts =
      members.length > 0 ? members.map((member) => [member.name.getText(), member.type]) : [['params', type]]
    return parts.map(([name, value]) => {
      const text = value?.getText() ?? 'undefined'
      if (types.has(text)) return `${name}: ${link(text, page)}`
      const uses = value === undefined ? [] : [...named(value)].map((other) => link(other, page))
      return `${name}: \`${text.replaceAll(/\s+/g, ' ')}\`${uses.length > 0 ? ` (${uses.join(', ')})` : ''}`
    })
  }

  await mkdir(out, { recursive: true })
  const names = [...groups.keys()].sort()
  const sentBy = await callers()
  for (const group of names) {
    const methods = groups.get(group) ?? []
    const parts = [`# ${group === 'general' ? 'Methods without a group' : `${group}/`}`]
    for (const { method, kind, node } of methods) {
      const sent = sentBy.has(method) ? [`here: ${sentBy.get(method)?.join(', ')}`] : []
      parts.push(`## ${method}`, [kind, ...said(node, group), ...sent].map((line) => `- ${line}`).join('\n'))
    }
    const own = [...users.keys()].filter((name) => home(name) === group).sort()
    if (own.length > 0) parts.push('## Types', ...own.map((name) => typeSection(name, group)))
    await writeFile(join(out, `${group}.md`), `${parts.join('\n\n')}\n`)
  }
  const shared = [...users.keys()].filter((name) => home(name) === 'types').sort()
  await writeFile(
    join(out, 'types.md'),
    `${['# Types of several groups', ...shared.map((name) => typeSection(name, 'types'))].join('\n\n')}\n`,
  )
  const version = /from codex (\S+);/.exec(text)?.[1]
  const rows = names.map((group) => {
    const methods = groups.get(group) ?? []
    return `| [${group}](./${group}.md) | ${methods.map(({ method }) => `\`${method}\``).join(', ')} |`
  })
  const index = [
    '# The protocol',
    `What codex app-server takes and says, as codex ${version} has it. \`codex.request()\` sends any of these, see [the guide](/protocol.md).`,
    ['| group | methods |', '| --- | --- |', ...rows].join('\n'),
    '[Types of several groups](./types.md)',
  ]
  await writeFile(join(out, 'index.md'), `${index.join('\n\n')}\n`)
}
