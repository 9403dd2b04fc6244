'use strict'

/**
 * The attributes of a server elsewhere.
 * @param {string | undefined} url
 * @returns {Record<string, string | number>}
 */
function serverOf(url) {
  if (url === undefined || !URL.canParse(url)) return {}
  const { protocol, hostname, port, pathname } = new URL(url)
  if (protocol === 'unix:') return { 'server.address': pathname }
  const usual = protocol === 'wss:' ? 443 : 80
  return { 'server.address': hostname, 'server.port': port === '' ? usual : Number(port) }
}

module.exports = { serverOf }
