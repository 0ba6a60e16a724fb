//! JUnit through a real XML parser, whatever a server answered.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::support::{Counting, config, run_in};

/// Every element's name; panics where it is no well-formed XML.
fn elements(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let (mut names, mut depth) = (Vec::new(), 0_i32);
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(e) => {
                depth += 1;
                e.attributes().for_each(|a| {
                    a.expect("an attribute")
                        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                        .expect("unescapes");
                });
                names.push(String::from_utf8_lossy(e.name().as_ref()).into_owned());
            }
            Event::Empty(e) => {
                e.attributes().for_each(|a| {
                    a.expect("an attribute")
                        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                        .expect("unescapes");
                });
                names.push(String::from_utf8_lossy(e.name().as_ref()).into_owned());
            }
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0, "every element is closed");
    names
}

/// XML 1.0 allows no other characters.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[test]
fn hostile_answers_make_no_malformed_junit() {
    let bodies: [&[u8]; 5] = [
        b"]]></system-out><script>alert(1)</script>",
        b"\x00\x01\x08\x0b\x1b[31m\xff\xfe\xef\xbf\xbe",
        b"<![CDATA[ & < > \" ' ]]>",
        b"{\"error\":\"\\u0000\\ud800\"}",
        "\u{202e}\u{ffff}😀 --> ::error::x".as_bytes(),
    ];
    let server = Counting::start(Box::new(move |_, n| {
        let at = n as usize % bodies.len();
        (500 + at as u16, String::new(), bodies[at].to_vec())
    }));
    let config = config(&server.url, 50, "1s", "[probes]\nshare = 0\n");
    let done = run_in(&config, &["run", "onboarding", "--env", "t", "--no-check"], &[]);
    assert_eq!(done.code, 1, "{}", done.all());
    let xml = done.read("junit.xml");
    assert!(xml.chars().all(is_xml), "a character that XML hasn't");
    let names = elements(&xml);
    assert_eq!(names.first().map(String::as_str), Some("testsuites"));
    for name in ["testsuite", "testcase", "failure"] {
        assert!(names.iter().any(|n| n == name), "{name}");
    }
    assert!(!names.iter().any(|n| n == "script"));
}
