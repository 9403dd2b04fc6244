import type { Tokens } from './api'

const height = 40
const width = 14

/** The tokens of each turn. */
export function Chart({ tokens }: { tokens: Tokens[] }) {
  const shown = tokens.slice(-20)
  const most = Math.max(1, ...shown.map(({ input, output }) => input + output))
  const total = tokens.reduce((sum, { input, output }) => sum + input + output, 0)
  const label = `Tokens of the last ${shown.length} turns: ${shown.map(({ input, output }) => input + output).join(', ')}`
  return (
    <figure className="chart">
      <svg role="img" aria-label={label} width={shown.length * width} height={height}>
        {shown.map(({ turnId, input, output, cached }, index) => {
          const whole = ((input + output) / most) * height
          const said = (output / most) * height
          return (
            <g key={turnId}>
              <title>{`${input} in (${cached} cached), ${output} out`}</title>
              <rect
                className="input"
                x={index * width}
                y={height - whole}
                width={width - 3}
                height={whole - said}
              />
              <rect className="output" x={index * width} y={height - said} width={width - 3} height={said} />
            </g>
          )
        })}
      </svg>
      <figcaption>{total.toLocaleString('en')} tokens</figcaption>
    </figure>
  )
}
