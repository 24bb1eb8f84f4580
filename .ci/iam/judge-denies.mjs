// Judges requests against policies with @cloud-copilot/iam-simulate, an evaluator that shares nothing with cordon.
//
//   node judge-denies.mjs CASES.json
//
// A case is {name, principal, policies: [document], action, resource, account, context, allowed}. A request that
// the evaluator refuses to judge is a fault: it says that the case, or a policy, is not valid.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const cases = JSON.parse(readFileSync(process.argv[2], 'utf8'))
let faults = cases.length === 0 ? 1 : 0
for (const c of cases) {
  const result = await runSimulation(
    {
      request: {
        principal: c.principal,
        action: c.action,
        resource: { resource: c.resource, accountId: c.account },
        contextVariables: c.context ?? {},
      },
      identityPolicies: c.policies.map((policy, i) => ({ name: `policy${i}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  )
  const got = verdict(result)
  if (got !== (c.allowed ? 'Allowed' : 'Denied')) {
    faults++
    console.error(`${c.name}: ${c.action} on ${c.resource} is ${got}, not ${c.allowed ? 'allowed' : 'denied'}`)
  }
}
if (faults === 0) console.log(`${cases.length} requests judged as expected`)
process.exitCode = faults > 0 ? 1 : 0

// An explicit and an implicit deny both stop the request.
function verdict(result) {
  if (result.resultType === 'error') return `not judged (${JSON.stringify(result.errors)})`
  const overall = result.overallResult ?? result.analysis?.result
  if (overall === 'Allowed') return 'Allowed'
  return /Denied$/.test(overall ?? '') ? 'Denied' : `not judged (${JSON.stringify(result).slice(0, 400)})`
}
