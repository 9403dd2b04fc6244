/** The pages of the guide, in the order of the site. @type {Record<string, string[]>} */
export const sections = {
  Start: ['index', 'starting', 'environment', 'account', 'runtimes', 'typescript', 'examples/index'],
  'Working with the agent': [
    'threads',
    'turns',
    'streaming',
    'steering',
    'sub-agents',
    'reviews',
    'goals',
    'structured-output',
  ],
  'What it may do': ['approvals', 'policy', 'tools', 'budgets', 'security'],
  'When things go wrong': ['errors', 'timeouts', 'logging', 'telemetry'],
  'Further entries': ['exec', 'ai-sdk', 'web', 'testing'],
  'Codex itself': ['processes', 'commands', 'protocol'],
  'More than one machine': ['remote', 'serve', 'fleet'],
  'Moving here': ['from-codex-sdk', 'from-python', 'from-app-server', 'from-ai-sdk-provider'],
  More: [
    'performance',
    'benchmarks',
    'changelog',
    'security-policy',
    'contributing',
    'architecture',
    'failure-cases',
  ],
}
