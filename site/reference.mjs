// The reference of every entry of the package, from its types. The types of the protocol have pages of their own.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Application, TSConfigReader } from 'typedoc'
import { entries, root, site } from './places.mjs'

/** @param {string} out the folder for it */
export async function reference(out) {
  const app = await Application.bootstrapWithPlugins(
    // Its types have no options of plugins.
    /** @type {Record<string, unknown>} */ ({
      plugin: ['typedoc-plugin-markdown'],
      entryPoints: Object.keys(entries).map((file) => join(root, file)),
      tsconfig: join(site, 'tsconfig.json'),
      basePath: root,
      displayBasePath: root,
      exclude: ['**/protocol.d.ts'],
      excludePrivate: true,
      readme: 'none',
      disableSources: true,
      disableGit: true,
      // They are checked where the package is.
      skipErrorChecking: true,
      // Types of exec that are said where they are used.
      validation: { notExported: false, invalidLink: true, invalidPath: true, rewrittenLink: true },
      treatWarningsAsErrors: true,
      logLevel: 'Warn',
      sort: ['source-order'],
      router: 'member',
      entryFileName: 'index',
      membersWithOwnFile: ['Class', 'Interface', 'Function'],
      hideGenerator: true,
      hidePageHeader: true,
      hideBreadcrumbs: true,
      parametersFormat: 'table',
      interfacePropertiesFormat: 'table',
      typeAliasPropertiesFormat: 'table',
      out,
    }),
    [new TSConfigReader()],
  )
  const project = await app.convert()
  if (project === undefined) throw new Error('typedoc could not read the types')
  await app.generateOutputs(project)
  if (app.logger.hasErrors() || app.logger.hasWarnings())
    throw new Error('typedoc has something against the types')
  await nameEntries(out)
}

/**
 * Calls each entry what a program imports.
 *
 * @param {string} out
 */
async function nameEntries(out) {
  for (const [file, name] of Object.entries(entries)) {
    const page = join(
      out,
      file === 'index.d.ts' ? 'index' : file.replace(/(\/index)?\.d\.ts$/, ''),
      'index.md',
    )
    const text = await readFile(page, 'utf8')
    await writeFile(page, text.replace(/^# .*$/m, `# ${name}`))
  }
  const list = Object.entries(entries).map(([file, name]) => {
    const folder = file === 'index.d.ts' ? 'index' : file.replace(/(\/index)?\.d\.ts$/, '')
    return `- [${name}](${folder}/index.md)`
  })
  const page = ['# Reference', 'Every export of the package, by its entry.', list.join('\n')]
  page.push('[The methods of the protocol](protocol/index.md) have pages of their own.')
  await writeFile(join(out, 'index.md'), `${page.join('\n\n')}\n`)
  if (!(await readdir(out)).includes('index')) throw new Error('typedoc made no page of index.d.ts')
}
