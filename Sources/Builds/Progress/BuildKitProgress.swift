internal import HTTPTransport

/// How far BuildKit is, read from its plain progress.
///
/// Only lines that BuildKit itself begins count: what a step prints comes behind the number of its step and the seconds since its
/// start, so it cannot look like one of them.
struct BuildKitProgress: Equatable, Sendable {
    /// The step that was announced last.
    struct Step: Equatable, Sendable {
        /// `build 4/5`, or `4/5` where there is one stage; steps are counted for each stage.
        var position: String
        /// As the Dockerfile has it.
        var instruction: String
    }

    private(set) var step: Step?
    /// Whether the push has begun.
    ///
    /// It stays true: a vertex that ends may come back, but a layer that was sent stays sent.
    private(set) var isPushing = false
    /// How many lines have told something; a log that is read again from its beginning has told less for a while.
    private(set) var lines = 0
    private var tally = StepTally()
    private var assembler = LineAssembler()

    /// How far the build is; `nil` before its first step.
    var progress: Build.Progress? { tally.progress }

    /// Takes the next piece of the log, cut anywhere.
    mutating func read(_ bytes: [UInt8]) {
        for text in assembler.lines(in: bytes, where: { $0.first == UInt8(ascii: "#") }) { line(text) }
    }

    private mutating func line(_ line: String) {
        guard let space = line.firstIndex(of: " "),
            line[..<space].dropFirst().allSatisfy(\.isWholeNumber)
        else { return }
        let text = line[line.index(after: space)...]
        if text.hasPrefix("pushing layers") {
            isPushing = true
            lines += 1
        }
        guard text.hasPrefix("["), let end = text.firstIndex(of: "]") else { return }
        // [internal] and [auth] have no position, and are no steps.
        let position = text[text.index(after: text.startIndex)..<end]
        guard let match = position.wholeMatch(of: #/(?:(?<stage>.*) )?(?<number>[0-9]+)\/(?<total>[0-9]+)/#) else {
            return
        }
        lines += 1
        let instruction = text[text.index(after: end)...].drop(while: \.isWhitespace)
        step = Step(position: redacted(position, limit: 80), instruction: redacted(instruction, limit: 120))
        guard let number = Int(match.number), let total = Int(match.total) else { return }
        tally.announce(number, of: total, in: String(match.stage ?? ""), instruction)
    }

    /// What is being done, for a person.
    func sentence(building image: String) -> String {
        if isPushing { return "pushing \(image)" }
        guard let step else { return "building \(image)" }
        return "building \(image): step \(step.position), \(step.instruction)"
    }

    /// Whether both tell a person the same.
    static func == (left: BuildKitProgress, right: BuildKitProgress) -> Bool {
        left.step == right.step && left.isPushing == right.isPushing && left.tally == right.tally
    }
}
