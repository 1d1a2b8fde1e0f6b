/// A small generator whose sequence a seed fixes, so that a failing case can be run again.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// One of the values.
    mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: values.indices, using: &self)]
    }
}

extension SplitMix64 {
    /// A version from a small world, so that equal, neighbouring and prerelease versions meet often.
    mutating func versionText(withBuildMetadata: Bool = false, withLongNumbers: Bool = false) -> String {
        let numbers =
            ["0", "1", "2", "9", "10"] + (withLongNumbers ? ["18446744073709551615", "18446744073709551616"] : [])
        var text = (0..<3).map { _ in
            pick(numbers)
        }.joined(separator: ".")
        text += pick([
            "", "", "", "-0", "-rc.1", "-rc.2", "-rc.10", "-rc", "-beta.1", "-beta.3", "-1", "-alpha.beta", "-rc.x.1",
        ])
        if withBuildMetadata { text += pick(["", "", "+1", "+1.2", "+01", "+b"]) }
        return text
    }
}
