import KubernetesStandIn
import RegistryTesting
import Synchronization

/// What the builds do that the page is shown with: by the name of the webapp, and held up at gates.
final class PageStage: Sendable {
    private let registry: TestRegistry
    private let gates = Mutex<[String: Gate]>([:])

    init(registry: TestRegistry) { self.registry = registry }

    /// Lets through who waits at a gate.
    func open(_ gate: String) { self.gate(gate).open() }

    private func gate(_ name: String) -> Gate {
        gates.withLock { gates in
            let gate = gates[name] ?? Gate()
            gates[name] = gate
            return gate
        }
    }

    /// The life of a build's Pod.
    func script(of job: String) -> PodScript {
        switch job {
        case "build-app-steps-v1-0-0": steps
        case "build-app-bad-v1-0-0": .failedMain
        case "build-app-colours-v1-0-0": output(Self.colours)
        case "build-app-long-v1-0-0": output(Self.long)
        case let job where job.hasPrefix("build-app-endless-"): .endless
        case "build-app-slow-v1-0-0": steps(named: "slow")
        default: .success(pushingTo: registry)
        }
    }

    private var steps: PodScript { steps(named: "steps") }

    /// A build of four steps that waits before the third, and before it pushes.
    private func steps(named name: String) -> PodScript {
        var script = PodScript.success(pushingTo: registry)
        guard let push = script.steps.firstIndex(where: \.pushes),
            let main = script.steps.firstIndex(where: \.startsMain)
        else { return script }
        let building: [PodScript.Step] = [
            .mainStarts, .log("#1 [internal] load build definition from Dockerfile"), .log("#1 DONE 0.0s"), .log(""),
            .log("#5 [1/4] FROM docker.io/library/node:22-alpine"), .log("#5 DONE 0.4s"), .log(""),
            .log("#6 [2/4] COPY package.json package-lock.json ./"), .log("#6 DONE 0.1s"), .log(""),
            .wait(gate("\(name)-third")),
            .log("#7 [3/4] RUN npm ci"), .log("#7 4.211 \u{1b}[33mnpm warn\u{1b}[39m deprecated inflight@1.0.6"),
            .log("#7 9.870 added \u{1b}[32m412\u{1b}[39m packages in 9s"), .log("#7 DONE 10.4s"), .log(""),
            .log("#8 [4/4] COPY . ."), .log("#8 DONE 0.2s"), .log(""), .wait(gate("\(name)-push")),
            .log("#12 exporting to image"), .log("#12 pushing layers"),
        ]
        script.steps.replaceSubrange(main..<push, with: building)
        return script
    }

    /// A build that writes these lines.
    private func output(_ lines: [String]) -> PodScript {
        var script = PodScript.success(pushingTo: registry)
        if let main = script.steps.firstIndex(where: \.startsMain) {
            script.steps.insert(contentsOf: lines.map(PodScript.Step.log), at: main + 1)
        }
        return script
    }

    private static let colours = [
        "#9 \u{1b}[31mred\u{1b}[0m \u{1b}[1;4mstrong\u{1b}[0m \u{1b}[38;5;208morange\u{1b}[0m "
            + "\u{1b}[38;2;10;20;160mdeep\u{1b}[0m \u{1b}[2mdim\u{1b}[22m plain",
        "#9 10%\r#9 55%\r#9 100% done",
        "#9 \u{1b}]0;title\u{7}\u{1b}[2K\u{1b}[1Gquiet",
        "#9 <b>not markup</b> & such",
    ]

    private static let long = (1...20_000).map { number in
        "#9 \(number) \u{1b}[\(31 + number % 6)mline\u{1b}[0m of a long log\(number == 12_345 ? " with a needle" : "")"
    }
}
