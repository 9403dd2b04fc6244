// Approvals by rules: `onApproval: policy(allowCommands('npm test'), ask(person))`.

import type { ApprovalAnswer, ApprovalDecision, ApprovalRequest, HandlerContext } from '../index.js'

export type { ApprovalAnswer, ApprovalDecision, ApprovalRequest, HandlerContext }

/** What a rule says: a decision, with the rule for the record if it likes, or nothing, so that the next is asked. */
export type RuleAnswer = ApprovalDecision | ApprovalAnswer | null | undefined

/** Decides about a request, or leaves it to the next rule. Its name is what is recorded. What it throws declines. */
export type Rule = (request: ApprovalRequest, context: HandlerContext) => RuleAnswer | Promise<RuleAnswer>

/** A handler for `onApproval` of client, thread or turn. */
export type Policy = (request: ApprovalRequest, context: HandlerContext) => Promise<ApprovalAnswer>

/**
 * A handler that is made of rules, asked in their order: the first that has an answer decides. Where none has, the
 * request is declined. Each decision has its rule in `codex.serverRequests()`.
 *
 * @throws {TypeError} what is given is no function
 * @example
 * const codex = new Codex({
 *   onApproval: policy(deny('git push'), allowCommands('npm test', 'git add *'), allowFolders('src'), ask(person)),
 * })
 */
export declare function policy(...rules: readonly (Rule | readonly Rule[])[]): Policy

/** A command by its words, as a shell would take them without any of its syntax, or as an array of them. */
export interface CommandPattern {
  /**
   * The program and its arguments. `*` stands for one argument that is no option (it begins with neither `-` nor `+` and
   * has no `=`), and at the end for any number of them. A program named with a `/` is that file.
   */
  command: string | readonly string[]
  /**
   * Options that may stand among the arguments, as they are or with a value after `=`. All others are not meant: many
   * programs run whatever an option names.
   *
   * @default none
   */
  options?: readonly string[] | undefined
  /**
   * Folders in which the command must be started, and in which all its arguments and the files of its redirections must
   * lie, once links and `..` are followed; not in a `.git`, `.codex` or `.agents`, but for programs that only look
   * (`cat`, `ls`, `grep` ...). Without it no file may be redirected to but `/dev/null`.
   */
  within?: string | readonly string[] | undefined
}

/**
 * Allows commands. A script is allowed where each command in it is meant by one of the patterns and everything else in
 * it is plain: what the parser does not understand, or reads in another way than codex does, is left to the next rule.
 *
 * @throws {TypeError} a pattern is none
 */
export declare function allowCommands(
  ...patterns: readonly (string | CommandPattern | readonly (string | CommandPattern)[])[]
): Rule

/**
 * Allows changes of files all of which lie in these folders, once links and `..` are followed, but not in a `.git`,
 * `.codex` or `.agents` there, nor in another git repository, unless that is named; and a single command without options that
 * reads, lists or searches files in there: of `cat`, `head`, `tail`, `nl`, `wc`, `ls`, `tree`, `du`, `find`, `grep`, `rg` and
 * `fd`, where codex says the same. Folders are those of this machine; relative ones are from `process.cwd()` now.
 *
 * @throws {TypeError} what is given is no path
 */
export declare function allowFolders(...folders: readonly (string | readonly string[])[]): Rule

/**
 * Allows the network to these hosts, whatever the port: names and addresses, or `*.example.com` for what is below
 * `example.com`. It decides where codex asks for a host, not where it asks for a command.
 *
 * @throws {TypeError} what is given is no host
 */
export declare function allowHosts(...hosts: readonly (string | readonly string[])[]): Rule

/** What a request is about, as far as it is understood. */
export type Reading =
  | { about: 'command' /** The words of each. */; commands: string[][]; cwd: string }
  | { about: 'files'; paths: string[] }
  | { about: 'network'; host: string }
  | { about: 'unknown' /** Why it is not understood. */; why: string }

/**
 * Asks a person, or whoever decides. `reading` says what was understood of the request. Recorded as `ask`, unless the
 * answer says another rule.
 *
 * @throws {TypeError} what is given is no function
 */
export declare function ask(
  handler: (
    request: ApprovalRequest,
    context: HandlerContext & { readonly reading: Reading },
  ) => RuleAnswer | Promise<RuleAnswer>,
): Rule

/** What is refused. */
export interface DenyOptions {
  /** As `allowCommands` has them, but with whatever options and other arguments there are. */
  commands?: string | readonly string[] | undefined
  /** Changes of files in there, and commands that are started there, name a path there or search through it. */
  folders?: string | readonly string[] | undefined
  /** The network to these. */
  hosts?: string | readonly string[] | undefined
  /**
   * `cancel` interrupts the turn.
   *
   * @default 'decline'
   */
  decision?: 'decline' | 'cancel' | undefined
}

/**
 * Refuses: without arguments everything that comes to it, else these commands wherever they stand in a script, also in
 * what is not understood, and what the options name. It spares a question; what keeps commands from running is that
 * nothing allows them.
 *
 * @throws {TypeError} a command, folder or host is none
 */
export declare function deny(...commands: readonly (string | readonly string[] | DenyOptions)[]): Rule
