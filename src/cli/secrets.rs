//! Secrets on the command line: refused, for other users of a machine can read it there.

use std::ffi::OsString;

use crate::secret::{NO_WORD, Secret, clean, mask};

/// Which of `arguments` holds a secret (1 is the first), known or by its shape.
pub(super) fn among(arguments: &[OsString], known: &[Secret]) -> Option<usize> {
    let known: Vec<Secret> =
        known.iter().filter(|secret| secret.expose().len() >= NO_WORD).cloned().collect();
    let holds = |argument: &OsString| {
        let text = argument.to_string_lossy();
        // What hides between its letters hides it from nobody.
        let text = clean(&text);
        mask(&text, &known) != text
    };
    arguments.iter().position(holds).map(|at| at + 1)
}

/// What is said instead of the argument.
pub(super) fn refusal(at: usize) -> String {
    format!(
        "argument {at} holds a secret, and arguments can be read by everybody on this machine: \
         give it in its environment variable (TEST_API_KEY_1, STRIPE_WEBHOOK_SECRET, \
         GITHUB_TOKEN), and take another one, since this one has been seen"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::environment_secrets;

    #[test]
    fn a_secret_among_arguments_is_found_and_not_told() {
        let vars = BTreeMap::from([
            ("TEST_API_KEY_1".to_owned(), "hunter22-hunter22".to_owned()),
            ("TEST_API_KEY_2".to_owned(), "run".to_owned()),
        ]);
        let known = environment_secrets(&vars);
        let among = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            among(&arguments, &known)
        };
        assert_eq!(among(&["run", "--env", "staging", "--seed", "42"]), None);
        assert_eq!(among(&["run", "--key=hunter22-hunter22"]), Some(2));
        assert_eq!(among(&["run", "--env", "x", "sk_live_0123456789"]), Some(4));
        assert_eq!(among(&["hunter\u{200b}22-hunt\u{ad}er22"]), Some(1));
        assert!(!refusal(2).contains("hunter22"));
    }
}
