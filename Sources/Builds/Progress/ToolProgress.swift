/// How far a build on this machine is, read from the output of the program that makes the image.
struct ToolProgress: Sendable {
    private let tool: ImageTool
    /// Docker has two ways to build: BuildKit's, and its own of old.
    private var buildKit = BuildKitProgress()
    private var steps = StepTally()
    private var assembler = LineAssembler()

    init(of tool: ImageTool) {
        self.tool = tool
    }

    /// How far the build is; `nil` before its first step.
    var progress: Build.Progress? { buildKit.progress ?? steps.progress }

    /// Whether the program has begun to push, where that is a part of the build.
    var isPushing: Bool { tool == .buildctl && buildKit.isPushing }

    /// Takes the next piece of the output, cut anywhere.
    mutating func read(_ bytes: [UInt8]) {
        if tool != .buildah { buildKit.read(bytes) }
        if tool != .buildctl { for line in assembler.lines(in: bytes, where: Self.mayBeStep) { self.line(line) } }
    }

    /// Whether a line begins as a step does; cheap, for it is asked of all that a step prints.
    static func mayBeStep(_ line: [UInt8]) -> Bool {
        var rest = line[...]
        while rest.first == UInt8(ascii: "["), let end = rest.firstIndex(of: UInt8(ascii: "]")) {
            rest = rest[(end + 1)...]
            guard rest.popFirst() == UInt8(ascii: " ") else { return false }
        }
        return rest.starts(with: "STEP ".utf8) || rest.starts(with: "Step ".utf8)
    }

    /// A step as buildah announces it, `[linux/arm64] [1/2] STEP 3/7: RUN …`, or docker of old, `Step 3/7 : RUN …`.
    ///
    /// What a step prints is not marked, so it may look the same: only the step that comes next is believed.
    private mutating func line(_ line: String) {
        let pattern =
            #/(?<stage>(?:\[[^\]]{1,80}\] )*)(?:STEP|Step) (?<number>[0-9]+)\/(?<total>[0-9]+) ?: (?<instruction>.*)/#
        guard let match = line.wholeMatch(of: pattern), let number = Int(match.number), let total = Int(match.total)
        else { return }
        let stage = String(match.stage)
        guard number == steps.begun(in: stage) + 1 else { return }
        steps.announce(number, of: total, in: stage, match.instruction)
    }
}
