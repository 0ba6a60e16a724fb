//! A deserializer around another that counts the memory asked for, and knows where it is.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem::size_of;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use crate::measure::PACKED;

/// Every text may stand in as many pages as there are formats.
const TIMES_A_TEXT: u64 = 8;

/// What one reading takes and where it failed.
#[derive(Debug)]
pub(super) struct Account {
    left: Cell<u64>,
    overdrawn: Cell<bool>,
    place: RefCell<Option<String>>,
}

impl Account {
    /// Of so many bytes.
    pub(super) const fn of(bytes: u64) -> Self {
        Self { left: Cell::new(bytes), overdrawn: Cell::new(false), place: RefCell::new(None) }
    }

    fn charge<E: Error>(&self, bytes: u64) -> Result<(), E> {
        if let Some(left) = self.left.get().checked_sub(bytes) {
            self.left.set(left);
            return Ok(());
        }
        self.overdrawn.set(true);
        Err(E::custom("it would take more memory than any run's recording"))
    }

    /// Keeps the innermost place.
    fn note<E>(&self, at: &At<'_>) -> impl FnOnce(E) -> E {
        self.place.borrow_mut().get_or_insert_with(|| at.to_string());
        |error| error
    }

    /// Where it failed: `scenarios[0].plan.stages`; empty: at the root.
    pub(super) fn place(self) -> String {
        self.place.into_inner().unwrap_or_default()
    }
}

/// A place in the text, innermost first.
pub(super) enum At<'a> {
    Root,
    Item(&'a At<'a>, usize),
    Field(&'a At<'a>, &'a str),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Item(outer, index) => write!(f, "{outer}[{index}]"),
            Self::Field(outer, name) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let name: String = name.chars().take(80).filter(|c| !c.is_control()).collect();
                match outer {
                    _ if name.is_empty() || !name.chars().all(plain) => {
                        write!(f, "{outer}[{name:?}]")
                    }
                    Self::Root => f.write_str(&name),
                    _ => write!(f, "{outer}.{name}"),
                }
            }
        }
    }
}

/// Something of serde's, watched.
pub(super) struct Watched<'a, T> {
    inner: T,
    account: &'a Account,
    at: &'a At<'a>,
    kind: Kind,
}

/// What is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Anything.
    Plain,
    /// Fields of a struct: their room is in the struct's.
    Fields,
    /// The bytes of a histogram: less than their text.
    Bytes,
}

impl<'a, T> Watched<'a, T> {
    pub(super) const fn new(inner: T, account: &'a Account) -> Self {
        Self { inner, account, at: &At::Root, kind: Kind::Plain }
    }

    const fn of<U>(&self, inner: U, kind: Kind) -> Watched<'a, U> {
        Watched { inner, account: self.account, at: self.at, kind }
    }
}

// Each with what its visitor reads; `None`: what is being read anyhow.
macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*) as $kind:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let (account, at) = (self.account, self.at);
            let kind: Option<Kind> = $kind;
            let visitor = self.of(visitor, kind.unwrap_or(self.kind));
            self.inner.$method($($name,)* visitor).map_err(|error| account.note(at)(error))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Watched<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any() as Some(Kind::Plain);
        deserialize_bool() as Some(Kind::Plain);
        deserialize_i8() as Some(Kind::Plain);
        deserialize_i16() as Some(Kind::Plain);
        deserialize_i32() as Some(Kind::Plain);
        deserialize_i64() as Some(Kind::Plain);
        deserialize_i128() as Some(Kind::Plain);
        deserialize_u8() as Some(Kind::Plain);
        deserialize_u16() as Some(Kind::Plain);
        deserialize_u32() as Some(Kind::Plain);
        deserialize_u64() as Some(Kind::Plain);
        deserialize_u128() as Some(Kind::Plain);
        deserialize_f32() as Some(Kind::Plain);
        deserialize_f64() as Some(Kind::Plain);
        deserialize_char() as Some(Kind::Plain);
        deserialize_str() as None;
        deserialize_string() as None;
        deserialize_bytes() as Some(Kind::Plain);
        deserialize_byte_buf() as Some(Kind::Plain);
        deserialize_option() as Some(Kind::Plain);
        deserialize_unit() as Some(Kind::Plain);
        deserialize_unit_struct(name: &'static str) as Some(Kind::Plain);
        deserialize_newtype_struct(name: &'static str) as
            if name == PACKED { Some(Kind::Bytes) } else { Some(Kind::Plain) };
        deserialize_seq() as Some(Kind::Plain);
        deserialize_tuple(length: usize) as Some(Kind::Fields);
        deserialize_tuple_struct(name: &'static str, length: usize) as Some(Kind::Fields);
        deserialize_map() as Some(Kind::Plain);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) as Some(Kind::Fields);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) as Some(Kind::Plain);
        deserialize_identifier() as Some(Kind::Plain);
        deserialize_ignored_any() as Some(Kind::Plain);
    }
}

macro_rules! visit {
    ($($method:ident: $type:ty;)*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<V> Watched<'_, V> {
    fn charge_text<E: Error>(&self, text: &str) -> Result<(), E> {
        let times = if self.kind == Kind::Bytes { 1 } else { TIMES_A_TEXT };
        self.account.charge(text.len() as u64 * times)
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watched<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool: bool;
        visit_i8: i8;
        visit_i16: i16;
        visit_i32: i32;
        visit_i64: i64;
        visit_i128: i128;
        visit_u8: u8;
        visit_u16: u16;
        visit_u32: u32;
        visit_u64: u64;
        visit_u128: u128;
        visit_f32: f32;
        visit_f64: f64;
        visit_char: char;
        visit_bytes: &[u8];
        visit_borrowed_bytes: &'de [u8];
        visit_byte_buf: Vec<u8>;
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.charge_text(text)?;
        self.inner.visit_str(text)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<V::Value, E> {
        self.charge_text(text)?;
        self.inner.visit_borrowed_str(text)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<V::Value, E> {
        self.charge_text(&text)?;
        self.inner.visit_string(text)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let inner = self.of(inner, Kind::Plain);
        self.inner.visit_some(inner)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let inner = self.of(inner, self.kind);
        self.inner.visit_newtype_struct(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let items = Items { watched: self.of(inner, self.kind), index: 0 };
        self.inner.visit_seq(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let entries = Entries {
            watched: self.of(inner, self.kind),
            key: Cow::Borrowed(""),
            size: 0,
            seen: 0,
        };
        self.inner.visit_map(entries)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let inner = self.of(inner, Kind::Plain);
        self.inner.visit_enum(inner)
    }
}

struct Items<'a, A> {
    watched: Watched<'a, A>,
    index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        let Watched { account, at, kind, .. } = self.watched;
        if kind != Kind::Fields {
            // A list that grows has up to twice the room it needs.
            account.charge(2 * size_of::<T::Value>() as u64)?;
        }
        let at = At::Item(at, self.index);
        self.index += 1;
        let seed = Watched { inner: seed, account, at: &at, kind: Kind::Plain };
        self.watched.inner.next_element_seed(seed).map_err(|error| account.note(&at)(error))
    }
}

struct Entries<'a, 'de, A> {
    watched: Watched<'a, A>,
    key: Cow<'de, str>,
    /// Of a key in memory.
    size: u64,
    seen: u64,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(Text(key)) = self.watched.inner.next_key()? else { return Ok(None) };
        self.key = key;
        self.size = size_of::<K::Value>() as u64;
        if self.watched.kind != Kind::Fields {
            self.watched.account.charge(self.key.len() as u64 * TIMES_A_TEXT)?;
        }
        let at = At::Field(self.watched.at, &self.key);
        let key = seed.deserialize(Key(&self.key, std::marker::PhantomData::<A::Error>));
        key.map(Some).map_err(|error| self.watched.account.note(&at)(error))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let Watched { account, at, kind, .. } = self.watched;
        if kind != Kind::Fields {
            let entry = self.size + size_of::<T::Value>() as u64;
            // A node of a tree has room for eleven entries, of which six are taken at
            // least once there is more than one node.
            account.charge(if self.seen == 0 { 11 * entry + 64 } else { 2 * entry + 4 })?;
            self.seen += 1;
        }
        let at = At::Field(at, &self.key);
        let seed = Watched { inner: seed, account, at: &at, kind: Kind::Plain };
        self.watched.inner.next_value_seed(seed).map_err(|error| account.note(&at)(error))
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Watched<'_, T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<T::Value, D::Error> {
        let inner = self.of(inner, Kind::Plain);
        self.inner.deserialize(inner)
    }
}

impl<'de, 'a, A: EnumAccess<'de>> EnumAccess<'de> for Watched<'a, A> {
    type Error = A::Error;
    type Variant = Watched<'a, A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self::Variant), A::Error> {
        let Watched { account, at, kind, .. } = self;
        let (name, inner) = self.inner.variant_seed(seed)?;
        Ok((name, Watched { inner, account, at, kind }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Watched<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.of(seed, Kind::Plain);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.of(visitor, Kind::Fields);
        self.inner.tuple_variant(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.of(visitor, Kind::Fields);
        self.inner.struct_variant(fields, visitor)
    }
}

/// A key, borrowed where it can be.
struct Text<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Reader)
    }
}

/// A key that was read, for whom it is: a text, or a number in quotes.
struct Key<'k, E>(&'k str, std::marker::PhantomData<E>);

impl<'de, E: Error> Deserializer<'de> for Key<'_, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_str(self.0)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.0.parse() {
            Ok(number) => visitor.visit_u16(number),
            Err(_) => Err(E::custom("it is not a number from 0 to 65535")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_enum(serde::de::value::StrDeserializer::<E>::new(self.0))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
