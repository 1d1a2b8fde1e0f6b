/// What is shown of a build while it goes on.
struct BuildView {
    let build: BuildDocument
    /// How long it has taken, or waited.
    let elapsed: Duration
    /// The last line of its log; empty where there is none.
    let lastLine: String

    /// What does not change without a line of its own where lines cannot be written over.
    struct Stage: Equatable {
        let name: String
        let step: Int?
    }

    var stage: Stage { Stage(name: build.stage, step: build.step?.step) }

    /// Everything on one line.
    var line: StyledText { StyledText(line: "\(build.stage): \(doing(after: ": "))") + "\n" }

    /// Whether all steps are through.
    private var isBuilt: Bool { build.phase == "pushing" || build.phase == "verifying" }

    /// The step that it is at, or else its message.
    private func doing(after separator: String) -> String {
        guard let step = build.step, !isBuilt else { return build.message }
        return "step \(step.step) of \(step.steps)\(separator)\(step.instruction)"
    }

    /// A block of two or three lines, none of them wider than that.
    func lines(columns: Int) -> [StyledText] {
        let stage = StyledText(line: build.stage, Present.style(ofStatus: build.status))
        var lines = [stage + "  " + StyledText(line: time) + "  " + StyledText(line: build.id, .dim)]
        let doing = StyledText(line: doing(after: "  "))
        lines.append(build.step.map { bar($0, columns: max(4, min(24, columns / 3))) + " " + doing } ?? doing)
        if !lastLine.isEmpty { lines.append(StyledText(line: lastLine, .dim)) }
        return lines.map { $0.cut(toColumns: columns) }
    }

    /// `41 s, usually about 1 min 5 s`.
    private var time: String {
        let usual = build.usualDuration.map { Present.seconds($0 + .milliseconds(500)) }
        let elapsed = Present.seconds(elapsed)
        guard build.status != "queued" else {
            return "for \(elapsed)" + (usual.map { "; builds usually take about \($0)" } ?? "")
        }
        return elapsed + (usual.map { ", usually about \($0)" } ?? "")
    }

    /// The steps that are through: the one that began last is not, unless the image is built.
    private func bar(_ step: BuildDocument.Progress, columns: Int) -> StyledText {
        let done = isBuilt ? step.steps : step.step - 1
        let full = done * columns / step.steps
        return StyledText(String(repeating: "█", count: full), .green)
            + StyledText(String(repeating: "░", count: columns - full), .dim)
    }
}
